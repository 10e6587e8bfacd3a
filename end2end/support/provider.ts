// An OpenID provider on a port of its own, with a form to sign in with (authorization code with PKCE; ID tokens signed with RS256), and an Usher that
// lets people sign in there.

import { createHash, createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, type Page } from "@playwright/test";
import { serveAnother } from "./installation.ts";

/** A running provider. */
export interface Provider {
  url: string;
  end: () => Promise<void>;
}

/** What people call it. */
export const providerName = "Northwind SSO";
const clientId = "usher";
const clientSecret = "a secret of the browser tests";

interface Grant {
  challenge: string;
  redirect: string;
  claims: Record<string, unknown>;
}

/** Starts one. */
export async function startProvider(): Promise<Provider> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const grants = new Map<string, Grant>();
  let url = "";
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const signed = (claims: object): string => {
    const text = `${encoded({ alg: "RS256", typ: "JWT", kid: "first" })}.${encoded(claims)}`;
    return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey).toString("base64url")}`;
  };
  const pages: Record<string, (asked: URLSearchParams, request: IncomingMessage, response: ServerResponse) => void> = {
    "/.well-known/openid-configuration": (_, __, response) =>
      json(response, 200, {
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        jwks_uri: `${url}/keys`,
        response_types_supported: ["code"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
      }),
    "/keys": (_, __, response) => json(response, 200, { keys: [{ ...publicKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "first" }] }),
    "/authorize": (asked, _, response) => {
      const kept = [...asked].map(([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`).join("");
      const back = `${asked.get("redirect_uri") ?? ""}?${new URLSearchParams({ error: "access_denied", state: asked.get("state") ?? "" }).toString()}`;
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(
        `<!doctype html><html lang="en"><title>${providerName}</title><h1>${providerName}</h1><form method="post" action="/login">${kept}
         <label>Name <input name="person_name"></label> <label>Address <input name="person_email"></label>
         <label><input type="checkbox" name="verified" value="yes" checked> Confirmed</label> <button>Continue</button></form>
         <a href="${escaped(back)}">Cancel</a></html>`,
      );
    },
    "/login": (asked, _, response) => {
      const email = asked.get("person_email") ?? "";
      const redirect = asked.get("redirect_uri") ?? "";
      const code = randomUUID();
      const fits = asked.get("client_id") === clientId && asked.get("code_challenge_method") === "S256" && (asked.get("scope") ?? "").split(" ").includes("openid");
      if (!fits) return json(response, 400, { error: "invalid_request" });
      const claims = { sub: `subject of ${email}`, name: asked.get("person_name"), email, email_verified: asked.get("verified") === "yes", nonce: asked.get("nonce") };
      grants.set(code, { challenge: asked.get("code_challenge") ?? "", redirect, claims });
      const back = new URLSearchParams({ code, state: asked.get("state") ?? "" }).toString();
      return void response.writeHead(303, { location: `${redirect}?${back}` }).end();
    },
    "/token": (asked, request, response) => {
      const shown = Buffer.from((request.headers.authorization ?? "").replace("Basic ", ""), "base64").toString();
      const client = new URLSearchParams(`id=${shown.replace(":", "&secret=")}`);
      if (client.get("id") !== clientId || client.get("secret") !== clientSecret) return json(response, 401, { error: "invalid_client" });
      const code = asked.get("code") ?? "";
      const grant = grants.get(code);
      grants.delete(code);
      const proof = createHash("sha256").update(asked.get("code_verifier") ?? "").digest("base64url");
      if (grant === undefined || grant.challenge !== proof || grant.redirect !== asked.get("redirect_uri")) return json(response, 400, { error: "invalid_grant" });
      const now = Math.floor(Date.now() / 1000);
      const token = signed({ ...grant.claims, iss: url, aud: clientId, iat: now, exp: now + 300 });
      return json(response, 200, { access_token: randomUUID(), token_type: "Bearer", id_token: token });
    },
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const page = pages[pathname];
    // The browser asks for a picture of the site, too.
    if (page === undefined) return void response.writeHead(204).end();
    page(request.method === "POST" ? new URLSearchParams(body) : searchParams, request, response);
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const end = async () => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  return { url, end };
}

/** An Usher with data of its own, where people sign in at this provider, too. */
export async function serveWithProvider(provider: Provider, more: Record<string, string> = {}): Promise<{ url: string; end: () => Promise<void> }> {
  return await serveAnother({
    USHER_OPENID_ISSUER: provider.url,
    USHER_OPENID_CLIENT_ID: clientId,
    USHER_OPENID_CLIENT_SECRET: clientSecret,
    USHER_OPENID_NAME: providerName,
    ...more,
  });
}

/** Signs in on the provider's page. */
export async function signInThere(page: Page, name: string, email: string, confirmed = true): Promise<void> {
  await expect(page.getByRole("heading", { name: providerName })).toBeVisible();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Address").fill(email);
  await page.getByLabel("Confirmed").setChecked(confirmed);
  await page.getByRole("button", { name: "Continue" }).click();
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
