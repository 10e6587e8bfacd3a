// Pictures of every page in four forms (light and dark, 1440 and 390 wide), with the demo's data, in `gallery/`: to be looked at after every
// visible change. `npm run gallery`; with `USHER_GALLERY=connect,endpoint` only of pages whose names have one of these words.

import { mkdirSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import type { Page } from "@playwright/test";
import { expect, test } from "./support/test.ts";
import { providerName, serveWithProvider, signInThere, startProvider } from "./support/provider.ts";
import { everyPage } from "./support/pages.ts";

const folder = resolve(import.meta.dirname, "gallery");
const words = process.env.USHER_GALLERY?.split(",") ?? [""];

test("gallery", async ({ member: { page }, browser, baseURL }) => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const pages = await everyPage(page);
  const { path: invited } = pages.find(({ name }) => name === "people-invitation") ?? { path: "/people" };
  await page.goto(invited);
  const invitation = await page.getByLabel("Link", { exact: true }).inputValue();
  const before = await browser.newContext({ ...(baseURL === undefined ? {} : { baseURL }) });
  const stranger = await before.newPage();
  const shoot = async (of: typeof page, name: string, path: string) => {
    for (const width of [1440, 390]) {
      await of.setViewportSize({ width, height: 900 });
      await of.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
      await of.goto(path);
      await of.locator("html[data-hydrated]").waitFor({ state: "attached" });
      for (const colorScheme of ["light", "dark"] as const) {
        await of.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        // The colours of both are in the page; it takes Chromium some pictures until all have changed.
        await of.evaluate(() => new Promise((done) => setTimeout(done, 150)));
        await of.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      }
    }
  };
  for (const { name, path } of pages) if (words.some((word) => name.includes(word))) await shoot(page, name, path);
  if (process.env.USHER_GALLERY !== undefined) return void (await before.close());
  await shoot(stranger, "sign-in", "/sign-in");
  await shoot(stranger, "invitation", invitation);
  await shoot(stranger, "sign-up", "/sign-up");
  await shoot(stranger, "not-found", "/no/such/page");
  await shootProvider(stranger, shoot);
  await before.close();
});

/** The pages that are otherwise where people sign in at an OpenID provider, too. */
async function shootProvider(page: Page, shoot: (of: Page, name: string, path: string) => Promise<void>): Promise<void> {
  const provider = await startProvider();
  const usher = await serveWithProvider(provider);
  const strict = await serveWithProvider(provider, { USHER_PASSWORDS: "false" });
  try {
    const arrive = async (url: string, email: string, confirmed = true) => {
      await page.goto(`${url}/sign-in`);
      await page.getByRole("link", { name: `Sign in with ${providerName}` }).click();
      await signInThere(page, "Zoë Quill", email, confirmed);
    };
    await shoot(page, "sign-in-provider", `${usher.url}/sign-in`);
    await shoot(page, "sign-in-provider-only", `${strict.url}/sign-in`);
    await shoot(page, "sign-up-provider", `${usher.url}/sign-up`);
    await arrive(usher.url, "zoe@marigold.example", false);
    await shoot(page, "identity-unverified", `${usher.url}/sign-in/identity`);
    await arrive(usher.url, "zoe@marigold.example");
    await shoot(page, "identity-sign-up", `${usher.url}/sign-in/identity`);
    await page.getByLabel("Organisation").fill("Marigold");
    await page.getByRole("button", { name: "Sign up" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Home" })).toBeVisible();
    await shoot(page, "profile-provider", `${usher.url}/profile`);
    await page.getByLabel("New password").fill("a sentence to remember");
    await page.getByRole("button", { name: "Set a password" }).click();
    await shoot(page, "profile-both", `${usher.url}/profile`);
    await arrive(usher.url, "zoe@elsewhere.example");
    await shoot(page, "identity-connect", `${usher.url}/sign-in/identity`);
    await page.goto(`${usher.url}/people`);
    await page.getByLabel("E-mail address").fill("vera@marigold.example");
    await page.getByRole("button", { name: "Make the link" }).click();
    const invitation = await page.getByLabel("Link", { exact: true }).inputValue();
    await page.goto(`${usher.url}/profile`);
    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.context().clearCookies();
    await arrive(usher.url, "zoe@marigold.example");
    await shoot(page, "identity-prove", `${usher.url}/sign-in/identity`);
    await shoot(page, "invitation-provider", invitation);
    await provider.end();
    await page.goto(`${strict.url}/sign-in`);
    await page.getByRole("link", { name: `Sign in with ${providerName}` }).click();
    await page.screenshot({ path: `${folder}/sign-in-provider-away.png`, fullPage: true });
  } finally {
    await usher.end();
    await strict.end();
    await provider.end();
  }
}
