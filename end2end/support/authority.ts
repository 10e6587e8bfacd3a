// An authorisation server on a port of its own (authorization code with PKCE), and an application that is connected by consenting there.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { approve, beaconLike } from "./approving.ts";
import { running } from "./installation.ts";

/** A running authorisation server. Its tokens are the key that Beacon Mail accepts. */
export interface Authority {
  url: string;
  /** Takes back what was consented to: tokens are renewed no more, until somebody consents again. */
  revoke: () => void;
  end: () => void;
}

/** A client that gets tokens for itself. */
export const client = { id: "desk", secret: "the-secret-of-the-desk" };

/** Starts one. Tokens last so many seconds; Usher renews a token in the last minute. */
export async function startAuthority(lasts = 3600): Promise<Authority> {
  const challenges = new Map<string, string>();
  const basic = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString("base64")}`;
  let isRevoked = false;
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
    const isGood = {
      authorization_code: challenges.get(asked.get("code") ?? "") === proof,
      refresh_token: !isRevoked && asked.get("refresh_token") === "refresh",
      client_credentials: request.headers.authorization === basic,
    }[asked.get("grant_type") ?? ""];
    if (isGood === true && asked.get("grant_type") === "authorization_code") isRevoked = false;
    const token = { access_token: running().beaconKey, token_type: "Bearer", expires_in: lasts, refresh_token: "refresh" };
    response
      .writeHead(isGood === true ? 200 : 400, { "content-type": "application/json" })
      .end(JSON.stringify(isGood === true ? token : { error: asked.get("grant_type") === "client_credentials" ? "invalid_client" : "invalid_grant" }));
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, revoke: () => void (isRevoked = true), end: () => void server.close() };
}

/** An approved application that is connected by consenting at this server. */
export function approveConsenting(authority: Authority, id: string, name: string): void {
  approve(id, 1, {
    ...beaconLike(name),
    description: "Beacon Mail, behind an authorisation server.",
    credentials: {
      mode: "authorization_code",
      authorization_url: `${authority.url}/authorize`,
      token_url: `${authority.url}/token`,
      client_id: "usher",
      scopes: ["lists"],
    },
  });
}
