// What the browser loads of the program, and when: the bundle of a page, the pieces that it needs later, and what happens when one can't be had.

import type { Page } from "@playwright/test";
import { expect, test } from "../support/test.ts";
import { newSegment, shareToMap, sourceOf, targetRow } from "../support/sharing.ts";

/** The bundles and pieces that the page loads from now on. */
function loadedBy(page: Page): string[] {
  const loaded: string[] = [];
  page.on("request", (request) => {
    const [, bundle, packed] = /\/pkg\/(?:split_(\w+)\.wasm|page_(\w+)\.pack)$/.exec(request.url()) ?? [];
    if (bundle ?? packed) loaded.push((bundle ?? packed) as string);
  });
  return loaded;
}

test("a page loads its bundle and no other, and the next page its own", async ({ member: { page } }) => {
  const loaded = loadedBy(page);
  await page.goto("/audiences");
  expect(loaded, "once, although the page's head names it, too").toEqual(["audiences"]);
  await page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: "Runs" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Runs" })).toBeVisible();
  await page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: "Audiences" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Audiences" })).toBeVisible();
  expect(loaded).toEqual(["audiences", "runs"]);
});

test("a bundle that can't be had is said in the page's place, and can be loaded again", async ({ member: { page }, expectComplaint, axe }) => {
  expectComplaint(/ERR_FAILED|Failed to fetch|split_runs/);
  await page.goto("/shares");
  await page.route("**/pkg/split_runs.wasm", (route) => route.abort());
  const rooms = page.getByRole("navigation", { name: "Rooms" });
  await rooms.getByRole("link", { name: "Runs" }).click();
  await expect(page.getByRole("alert")).toHaveText("This page could not be loaded. Nothing was lost. Load it again");
  expect(new URL(page.url()).pathname).toBe("/runs");
  await axe();
  await rooms.getByRole("link", { name: "Shares" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Shares" }), "the others go on").toBeVisible();
  await rooms.getByRole("link", { name: "Runs" }).click();
  await expect(page.getByRole("link", { name: "Load it again" }), "it is tried again, and fails again").toBeVisible();
  await page.unroute("**/pkg/split_runs.wasm");
  await page.getByRole("link", { name: "Load it again" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Runs" })).toBeVisible();
});

test("a page whose pack can't be had loads its files one by one", async ({ member: { page }, expectComplaint }) => {
  expectComplaint(/ERR_FAILED|Failed to fetch|page_audiences/);
  await page.route("**/pkg/page_audiences.pack", (route) => route.abort());
  const loaded = loadedBy(page);
  await page.goto("/audiences");
  expect(loaded).toEqual(["audiences", "audiences"]);
});

test("a page whose bundle can't be had works as without the program", async ({ member: { page }, expectComplaint, javaScriptEnabled }) => {
  expect(javaScriptEnabled).not.toBe(false);
  expectComplaint(/ERR_FAILED|Failed to fetch|split_audiences|page_audiences/);
  await page.goto("/shares");
  await page.route(/\/pkg\/(split_audiences\.wasm|page_audiences\.pack)$/, (route) => route.abort());
  // Without waiting for the program, which stays away.
  await page.evaluate(() => location.assign("/audiences"));
  await expect(page.getByRole("heading", { level: 1, name: "Audiences" })).toBeVisible();
  await page.getByRole("searchbox").first().fill("lisbon");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/q=lisbon/);
  await expect(page.getByRole("link", { name: /Lisbon/ }).first()).toBeVisible();
  await expect(page.locator("html[data-hydrated]")).toHaveCount(0);
});

test.describe("the mapping", () => {
  let path: string;

  test.beforeEach(async ({ member: { page } }) => {
    path = await shareToMap(page, "High-value customers", { segment: { new: newSegment("Piece by piece") } });
    await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
    await page.getByRole("status").filter({ hasText: /^Saved$/ }).waitFor();
    await page.mouse.move(0, 0);
  });

  test("is taken over without what tries it, and loads what shows steps and lab when they are opened", async ({ page }) => {
    const loaded = loadedBy(page);
    await page.reload();
    await expect.poll(() => loaded).toEqual(["mapping", "mapping_trying"]);
    await targetRow(page, "email").locator("summary").click();
    await expect(targetRow(page, "email").getByLabel("Add a step")).toBeVisible();
    expect(loaded).toEqual(["mapping", "mapping_trying", "mapping_steps"]);
    await page.locator("details.lab summary").click();
    await expect(page.locator("details.lab tbody tr").first()).toBeVisible();
    expect(loaded).toEqual(["mapping", "mapping_trying", "mapping_steps", "mapping_lab"]);
  });

  test("is taken over with what the server has rendered open", async ({ page }) => {
    const index = await targetRow(page, "email").getAttribute("data-target");
    await page.goto(`${path}?open=${index}&lab=open`);
    await expect(targetRow(page, "email").getByLabel("Add a step")).toBeVisible();
    await expect(page.locator("details.lab tbody tr").first()).toBeVisible();
    await page.getByLabel("Rules", { exact: true }).selectOption({ label: "UID2" });
    await expect(page.locator("details.lab thead")).toContainText("SHA-256 Base64");
  });

  test("says which part could not be loaded, and loads it again", async ({ page, expectComplaint, axe }) => {
    expectComplaint(/ERR_FAILED|Failed to fetch|split_mapping_lab/);
    await page.route("**/pkg/split_mapping_lab.wasm", (route) => route.abort());
    await page.reload();
    const lab = page.locator("details.lab");
    await lab.locator("summary").click();
    await expect(lab.getByRole("alert")).toContainText("This part of the page could not be loaded. Nothing was lost.");
    await axe();
    await page.unroute("**/pkg/split_mapping_lab.wasm");
    await lab.getByRole("button", { name: "Load it again" }).click();
    await expect(lab.locator("tbody tr").first()).toBeVisible();
  });

  test("can be changed and saved while what tries it is away", async ({ page, expectComplaint }) => {
    expectComplaint(/ERR_FAILED|Failed to fetch|split_mapping_trying/);
    await page.route("**/pkg/split_mapping_trying.wasm", (route) => route.abort());
    await page.reload();
    const preview = page.getByRole("region", { name: "What will be sent" });
    await expect(preview.getByRole("alert")).toContainText("This part of the page could not be loaded.");
    await expect(preview.locator("th[data-column]"), "what the server has rendered stays").toHaveCount(1);
    await sourceOf(page, "Town").selectOption({ label: "City" });
    await page.getByRole("status").filter({ hasText: /^Saved$/ }).waitFor();
    await page.unroute("**/pkg/split_mapping_trying.wasm");
    await preview.getByRole("button", { name: "Load it again" }).click();
    await expect(preview.locator('th[data-column="town"]')).toBeVisible();
    await expect(preview.getByRole("alert")).toHaveCount(0);
  });
});
