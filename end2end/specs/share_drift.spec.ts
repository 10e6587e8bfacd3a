// Fields that change under a share: the producer's database gets another column, and its configuration names it.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "../support/test.ts";
import { running, startAgain, stop } from "../support/installation.ts";
import { connectDemo } from "../support/people.ts";
import { newSegment, runEnds, shareNow, shareToMap, sourceOf, toReview } from "../support/sharing.ts";
import type { Page } from "@playwright/test";

/** Shares, and gives the share's address. */
async function shared(page: Page, segment: string, links: [target: string, source: string][]): Promise<string> {
  const mapping = await shareToMap(page, "Lisbon and Porto", { segment: { new: newSegment(segment) } });
  for (const [target, source] of links) await sourceOf(page, target).selectOption({ label: source });
  await toReview(page);
  await shareNow(page);
  await runEnds(page);
  return mapping.replace("/mapping", "");
}

async function configured(change: (text: string) => string): Promise<void> {
  const config = join(running().folder, "harbor.toml");
  await stop("harbor");
  writeFileSync(config, change(readFileSync(config, "utf8")));
  await startAgain("harbor");
}

test("exactly the shares that break are held, with a proposal, and heal when the field comes back", async ({ newcomer: { page }, axe }) => {
  // An account of its own: the shares of other tests would break as well.
  const demo = await connectDemo(page);
  const narrow = await shared(page, "Narrow", [["E-mail address", "E-mail"]]);
  const wide = await shared(page, "Wide", [
    ["E-mail address", "E-mail"],
    ["Town", "City"],
  ]);
  const before = readFileSync(join(running().folder, "harbor.toml"), "utf8");
  const database = join(running().folder, "harbor.db");
  const sql = (text: string) => execFileSync("sqlite3", ["-cmd", ".timeout 5000", database, text], { encoding: "utf8" });
  // The column stays when the test is through, so that it may be there when it runs again.
  if (sql("select count(*) from pragma_table_info('people') where name = 'home_city'").trim() === "0") {
    sql("alter table people add column home_city text; update people set home_city = city");
  }
  const ask = async () => {
    await page.goto(demo.harbor);
    await page.getByRole("button", { name: "Check now" }).click();
    await expect(page.getByText(/It answers\./).first()).toBeVisible();
  };
  try {
    await configured((text) => text.replace('name = "city"\nlabel = "City"', 'name = "home_city"\nlabel = "Home city"'));
    await ask();
    await page.goto("/shares");
    const held = page.getByRole("row").filter({ has: page.locator(".held-because") });
    await expect(held).toHaveCount(1);
    await expect(held).toContainText("Its fields changed: Town");
    await page.goto("/");
    await expect(page.getByRole("link", { name: "Lisbon and Porto to Beacon Mail", exact: true })).toBeVisible();
    await axe();
    await page.goto(`${wide}/review`);
    await expect(page.getByText("No run of this share starts until it is mended.")).toBeVisible();
    await expect(page.getByRole("button", { name: "Share now" })).toHaveCount(0);
    await page.goto(narrow);
    await expect(page.getByText("nothing breaks")).toBeVisible();
    await page.getByRole("button", { name: "Share again now" }).click();
    await runEnds(page);

    await configured(() => before);
    await ask();
    await page.goto("/shares");
    await expect(held, "it heals by itself").toHaveCount(0);

    await configured((text) => text.replace('name = "city"\nlabel = "City"', 'name = "home_city"\nlabel = "Home city"'));
    await ask();
    await page.goto(`${wide}/changes`);
    await expect(page.getByLabel(/Take “Home city” instead/)).toBeChecked();
    await axe();
    await page.getByRole("button", { name: "Accept what is ticked" }).click();
    await expect(page.getByText("The mapping is mended.")).toBeVisible();
    await page.goto(wide);
    await page.getByRole("button", { name: "Share again now" }).click();
    await runEnds(page);
  } finally {
    await configured(() => before);
    await ask();
  }
});
