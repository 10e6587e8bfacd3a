// Pictures of every page in four forms (light and dark, 1440 and 390 wide), with the demo's data, in `gallery/`: to be looked at after every
// visible change. `npm run gallery`; with `USHER_GALLERY=connect,endpoint` only of pages whose names have one of these words.

import { mkdirSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "./support/test.ts";
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
  await before.close();
});
