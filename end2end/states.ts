// Pictures of what pages look like when there is nothing to show, when what they are about is not there, while they are loaded, when that fails, and to somebody
// who may only look: in `states/`, to be looked at as the gallery is. `npm run states`; with `USHER_GALLERY=empty,loading` only some states.

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Page } from "@playwright/test";
import { expect, test } from "./support/test.ts";
import { running } from "./support/installation.ts";
import { everyPage, type NamedPage } from "./support/pages.ts";
import { newPerson, signUp } from "./support/people.ts";

const folder = resolve(import.meta.dirname, "states");
const states = process.env.USHER_GALLERY?.split(",") ?? ["empty", "missing", "loading", "failing", "viewer"];
const forms = [
  { width: 1440, colorScheme: "light" },
  { width: 390, colorScheme: "dark" },
] as const;

test("states", async ({ member: { page }, browser, baseURL, expectComplaint }) => {
  // The browser says of each call that is not answered that it was not.
  expectComplaint(/./);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const pages = await everyPage(page);
  const isGeneral = ({ path }: NamedPage) => !/_[0-9A-Za-z]{8,}/.test(path);
  const about = pages.filter((one) => !isGeneral(one));
  if (states.includes("empty")) {
    const context = await browser.newContext({ ...(baseURL === undefined ? {} : { baseURL }) });
    const newcomer = await context.newPage();
    await signUp(newcomer, newPerson());
    for (const one of pages.filter(isGeneral)) await shoot(newcomer, "empty", one, () => newcomer.goto(one.path));
    await context.close();
  }
  if (states.includes("missing")) {
    const nobody = ({ path }: NamedPage) => path.replace(/_[0-9A-Za-z]{8,}/g, "_00000000000000000000000000");
    for (const one of about) await shoot(page, "missing", one, () => page.goto(nobody(one)));
  }
  for (const state of ["loading", "failing"].filter((state) => states.includes(state))) {
    for (const one of pages) {
      await shoot(page, state, one, async () => {
        await page.goto(one.path === "/profile" ? "/account" : "/profile");
        await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
        // What pages ask for; their files are not meant.
        const asked = (url: URL) => !url.pathname.startsWith("/pkg/") && url.pathname !== "/events";
        await page.route(asked, (route) => (state === "failing" ? route.abort() : undefined));
        await page.evaluate((path) => {
          const link = document.createElement("a");
          link.href = path;
          document.body.append(link);
          link.click();
          link.remove();
        }, one.path);
        await page.waitForURL(`**${one.path}`);
        await page.evaluate(() => new Promise((done) => setTimeout(done, 400)));
      });
      await page.unrouteAll({ behavior: "ignoreErrors" });
    }
  }
  if (states.includes("viewer")) {
    const email = (await page.locator(".person-menu .who").textContent()) ?? "";
    const database = join(running().folder, "usher.db");
    execFileSync("sqlite3", ["-cmd", ".timeout 5000", database, `update membership set role = 'viewer' where user_id = (select id from app_user where email = '${email}')`]);
    for (const one of pages) await shoot(page, "viewer", one, () => page.goto(one.path));
  }
});

/** A state in its forms. */
async function shoot(page: Page, state: string, { name }: NamedPage, show: () => Promise<unknown>): Promise<void> {
  for (const { width, colorScheme } of forms) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await show();
    await expect(page.locator("html[data-hydrated]")).toBeAttached();
    await page.evaluate(() => new Promise((done) => setTimeout(done, 150)));
    await page.screenshot({ path: `${folder}/${state}-${name}-${width}-${colorScheme}.png`, fullPage: true });
    await page.unrouteAll({ behavior: "ignoreErrors" });
  }
}
