// What is around and under every page: themes, addresses that lead nowhere, accessibility, width.

import type { Page } from "@playwright/test";
import { expect, test } from "../support/test.ts";
import { everyPage } from "../support/pages.ts";
import { runEnds, scheduleDaily, shareNow, toReview } from "../support/sharing.ts";
import { mapWide, startWide } from "../support/wide.ts";

test("the theme is chosen, and stays", async ({ member: { page } }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto("/");
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.locator(".person-menu summary").click();
  const choice = (name: string) => page.getByRole("button", { name });
  await expect(choice("As the system"), "nothing was chosen yet").toHaveAttribute("aria-pressed", "true");
  await choice("Dark").click();
  await expect(choice("Dark")).toHaveAttribute("aria-pressed", "true");
  await expect(choice("As the system")).toHaveAttribute("aria-pressed", "false");
  await expect.poll(background).not.toBe(light);
  const dark = await background();
  await page.reload();
  expect(await background(), "the server renders it in the chosen theme").toBe(dark);
  await page.locator(".person-menu summary").click();
  await expect(choice("Dark"), "it is still marked").toHaveAttribute("aria-pressed", "true");
  await choice("As the system").click();
  await expect.poll(background).toBe(light);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(background).toBe(dark);
});

test("the person's menu closes by a press beside it, by Escape, and when another page is shown", async ({ member: { page } }) => {
  await page.goto("/");
  const menu = page.locator(".person-menu", { hasText: "Your profile" });
  const summary = menu.locator("summary");
  const profile = page.getByRole("link", { name: "Your profile" });
  await summary.click();
  await expect(profile).toBeVisible();
  await page.mouse.click(700, 800);
  await expect(profile).toBeHidden();
  await summary.click();
  await profile.focus();
  await page.keyboard.press("Escape");
  await expect(profile).toBeHidden();
  await expect(summary).toBeFocused();
  await summary.click();
  await profile.click();
  await expect(page.getByRole("heading", { level: 1, name: "Your profile" })).toBeVisible();
  await expect(profile).toBeHidden();
});

test("reading goes on at the heading of the page that is shown next; what narrows a page leaves the focus alone", async ({ member: { page } }) => {
  await page.goto("/endpoints");
  await page.getByRole("link", { name: "Harbor CRM" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Harbor CRM" })).toBeFocused();
  await page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: "Audiences" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Audiences" })).toBeFocused();
  const largest = page.getByRole("link", { name: "Largest" });
  await largest.focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/sort=largest/);
  await expect(page.getByRole("heading", { level: 1 })).not.toBeFocused();
  await page.goBack();
  await page.goBack();
  await expect(page.getByRole("heading", { level: 1, name: "Harbor CRM" })).toBeFocused();
});

test("the lists' pages load without a word in the console", async ({ member: { page } }) => {
  // Any warning fails a test; these three had some.
  for (const path of ["/audiences?q=mail", "/runs?state=under_way", "/connect?q=mail"]) {
    await page.goto(path);
    await expect(page.getByRole("searchbox")).toBeVisible();
  }
});

test("an address that leads nowhere says so", async ({ page, expectComplaint, axe }) => {
  expectComplaint(/status of 404/);
  const answer = await page.goto("/there/is/no/such/page");
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole("heading", { level: 1, name: "There is no such page" })).toBeVisible();
  await axe();
});

test("what is another account's, or nobody's, is not there", async ({ newcomer: { page }, demo, expectComplaint }) => {
  expectComplaint(/status of 404/);
  const answer = await page.goto(demo.harbor);
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole("alert")).toContainText("There is no such endpoint.");
  await page.getByRole("alert").getByRole("link", { name: "See all endpoints" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Endpoints" })).toBeVisible();
});

test("every page is accessible in light and dark, fits its window, wide and narrow, and stays where it is when its program has come", async ({ member: { page }, axe }) => {
  test.setTimeout(1_200_000);
  const pages = await everyPage(page);
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    for (const { name, path } of pages) {
      await test.step(`${name} at ${width}`, async () => {
        await page.goto(path);
        await expect.soft(page.getByRole("heading", { level: 1 }), `${name} has one heading of the first level`).toHaveCount(1);
        const widest = await page.evaluate(() => document.documentElement.scrollWidth);
        expect.soft(widest, `${name} is no wider than its window`).toBeLessThanOrEqual(width);
        expect.soft(await shifted(page), `${name} stays where it is`).toBeLessThan(0.03);
        await axe().catch((error: Error) => expect.soft(error.message, name).toBe(""));
      });
    }
  }
});

test("names without a space fit every window, too", async ({ page }) => {
  test.setTimeout(300_000);
  const name = "crm_customers_newsletter_opt_in_high_value_2026_q4";
  const wide = await startWide(3, [], name);
  try {
    await mapWide(page, wide, { endpoint: name, audience: name, segment: name });
    await page.getByRole("button", { name: /^Accept all above/ }).click();
    await toReview(page);
    const share = new URL(page.url()).pathname.replace("/review", "");
    const run = await shareNow(page);
    await runEnds(page);
    await scheduleDaily(page, share, "02:30");
    await page.goto(`${share}/templates`);
    await page.getByLabel("Name").fill(name);
    await page.getByRole("button", { name: "Keep it" }).click();
    await expect(page.getByRole("button", { name: `Use “${name}”` })).toBeVisible();
    await page.goto("/endpoints");
    const endpoint = (await page.getByRole("rowheader", { name }).getByRole("link").first().getAttribute("href")) ?? "";
    await page.goto("/audiences");
    const audience = (await page.getByRole("rowheader", { name }).getByRole("link").first().getAttribute("href")) ?? "";
    await page.goto(audience);
    await page.getByRole("button", { name: "Share", exact: true }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Destination" })).toBeVisible();
    const draft = new URL(page.url()).pathname.replace("/destination", "");
    const ofShare = ["", "/mapping", "/when", "/review", "/templates", "/versions", "/changes", "/alerts"].map((step) => `${share}${step}`);
    const ofDraft = ["", "/destination", "/audience"].map((step) => `${draft}${step}`);
    const ofEndpoint = ["", "/share", "/disconnect", "/credentials"].map((step) => `${endpoint}${step}`);
    const schedule = ["/schedule", "/schedule?view=week", "/schedule?view=agenda"];
    const lists = ["/", "/audiences", "/shares", "/runs", "/endpoints", "/templates", "/alerts"];
    for (const width of [390, 1024]) {
      await page.setViewportSize({ width, height: 900 });
      for (const path of [...lists, audience, ...ofShare, ...ofDraft, run, ...ofEndpoint, ...schedule]) {
        await page.goto(path);
        await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
        const widest = await page.evaluate(() => document.documentElement.scrollWidth);
        expect.soft(widest, `${path} is no wider than its window`).toBeLessThanOrEqual(width);
      }
    }
  } finally {
    wide.end();
  }
});

/** How much of the page has moved by itself since it was there (cumulative layout shift; 0.1 is what is called good). */
async function shifted(page: Page): Promise<number> {
  await expect(page.locator("html[data-hydrated]")).toBeAttached();
  return page.evaluate(
    () =>
      new Promise<number>((done) => {
        let sum = 0;
        const observer = new PerformanceObserver((list) => {
          for (const shift of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) sum += shift.hadRecentInput ? 0 : shift.value;
        });
        observer.observe({ type: "layout-shift", buffered: true });
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(sum), 50)));
      }),
  );
}

test("pages with nothing on them, and errors, are accessible too and say what to do", async ({ newcomer: { page }, axe, expectComplaint }) => {
  test.setTimeout(300_000);
  expectComplaint(/status of 404/);
  const empty = ["/", "/audiences", "/shares", "/runs", "/endpoints", "/audiences?q=nobody", "/runs?state=failed"];
  const missing = ["/audiences/aud_0", "/shares/shr_0", "/shares/shr_0/mapping", "/runs/run_0", "/endpoints/end_0", "/connect/app_0"];
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    for (const path of [...empty, ...missing]) {
      await test.step(`${path} at ${width}`, async () => {
        await page.goto(path);
        await expect.soft(page.locator("main :is(.empty-state, [role=alert], .soft)").first(), `${path} says what there is`).toBeVisible();
        const widest = await page.evaluate(() => document.documentElement.scrollWidth);
        expect.soft(widest, `${path} is no wider than its window`).toBeLessThanOrEqual(width);
        await axe().catch((error: Error) => expect.soft(error.message, path).toBe(""));
      });
    }
  }
});

test("the first key leads past the rail", async ({ member: { page } }) => {
  await page.goto("/audiences");
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the page" });
  await expect(skip).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("main")).toBeFocused();
});
