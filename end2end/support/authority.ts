// An authorisation server on a port of its own (authorization code with PKCE), and an application that is connected by consenting there.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { running } from "./installation.ts";

/** A running authorisation server. Its tokens are the key that Beacon Mail accepts. */
export interface Authority {
  url: string;
  end: () => void;
}

/** Starts one. */
export async function startAuthority(): Promise<Authority> {
  const challenges = new Map<string, string>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    if (url.pathname === "/authorize") {
      const { redirect_uri: back = "", state = "", code_challenge: challenge = "" } = Object.fromEntries(url.searchParams);
      const code = `code-${challenges.size + 1}`;
      challenges.set(code, challenge);
      const link = (parameters: Record<string, string>) => `${back}?${new URLSearchParams({ ...parameters, state }).toString()}`.replaceAll("&", "&amp;");
      response.writeHead(200, { "content-type": "text/html" }).end(
        `<!doctype html><title>Consent</title><p>May Usher write to your lists?</p><a href="${link({ code })}">Allow</a> <a href="${link({ error: "access_denied" })}">Deny</a>`,
      );
      return;
    }
    if (url.pathname !== "/token") {
      // The browser asks for a picture of the site, too.
      response.writeHead(204).end();
      return;
    }
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const asked = new URLSearchParams(body);
    const proof = createHash("sha256").update(asked.get("code_verifier") ?? "").digest("base64url");
    const isGood = asked.get("grant_type") === "authorization_code" && challenges.get(asked.get("code") ?? "") === proof;
    response
      .writeHead(isGood ? 200 : 400, { "content-type": "application/json" })
      .end(JSON.stringify(isGood ? { access_token: running().beaconKey, token_type: "Bearer", expires_in: 3600 } : { error: "invalid_grant" }));
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, end: () => void server.close() };
}

/** An approved application that is connected by consenting at this server. Written where the review would write it. */
export function approveConsenting(authority: Authority, id: string, name: string): void {
  const { folder, beacon } = running();
  const definition = {
    name,
    description: "Beacon Mail, behind an authorisation server.",
    category: "mail",
    consumer: "PUSH",
    urls: { base: beacon.url },
    credentials: {
      mode: "authorization_code",
      authorization_url: `${authority.url}/authorize`,
      token_url: `${authority.url}/token`,
      client_id: "usher",
      scopes: ["lists"],
    },
  };
  const program = [
    "import sqlite3, sys",
    "database = sqlite3.connect(sys.argv[1], timeout=30)",
    "database.execute('insert into application (id, updated_at, approved_version) values (?, 0, 1)', (sys.argv[2],))",
    "database.execute(\"insert into application_version (application_id, version, definition, state, updated_at) values (?, 1, ?, 'approved', 0)\", (sys.argv[2], sys.argv[3]))",
    "database.commit()",
  ].join("\n");
  execFileSync("python3", ["-c", program, join(folder, "usher.db"), id, JSON.stringify(definition)]);
}
