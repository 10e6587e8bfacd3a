// What the browser loads of the program, and when: the bundle of a page, and what happens when it can't be had.

import { expect, test } from "../support/test.ts";

test("a page loads its bundle and no other, and the next page its own", async ({ member: { page } }) => {
  const loaded: string[] = [];
  page.on("request", (request) => {
    const bundle = /\/pkg\/split_(\w+)\.wasm$/.exec(request.url())?.[1];
    if (bundle !== undefined) loaded.push(bundle);
  });
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
  await page.unroute("**/pkg/split_runs.wasm");
  await page.getByRole("link", { name: "Load it again" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Runs" })).toBeVisible();
});

test("a page whose bundle can't be had works as without the program", async ({ member: { page }, expectComplaint, javaScriptEnabled }) => {
  expect(javaScriptEnabled).not.toBe(false);
  expectComplaint(/ERR_FAILED|Failed to fetch|split_audiences/);
  await page.goto("/shares");
  await page.route("**/pkg/split_audiences.wasm", (route) => route.abort());
  // Without waiting for the program, which stays away.
  await page.evaluate(() => location.assign("/audiences"));
  await expect(page.getByRole("heading", { level: 1, name: "Audiences" })).toBeVisible();
  await page.getByRole("searchbox").first().fill("lisbon");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/q=lisbon/);
  await expect(page.getByRole("link", { name: /Lisbon/ }).first()).toBeVisible();
  await expect(page.locator("html[data-hydrated]")).toHaveCount(0);
});
