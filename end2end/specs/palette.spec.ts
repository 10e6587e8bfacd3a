// The palette: every page, and everything by its name, from the keyboard.

import { expect, test } from "../support/test.ts";

test("a key opens it, words find pages and things, Enter goes there, Escape closes it", async ({ member: { page }, axe }) => {
  await page.goto("/");
  await page.keyboard.press("Control+k");
  const box = page.getByRole("combobox", { name: "Search or go to" });
  await expect(box).toBeFocused();
  await expect(page.getByRole("option", { name: /Runs/ })).toBeVisible();
  await axe();
  await page.keyboard.type("newsl");
  const hit = page.getByRole("option", { name: /Audience.*Newsletter/ }).first();
  await expect(hit).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  const first = await page.getByRole("option").first().getAttribute("id");
  await expect(box).toHaveAttribute("aria-activedescendant", first ?? "");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/audiences\/aud_/);
  await expect(box).toBeHidden();

  await page.keyboard.press("Control+k");
  await page.keyboard.type("beacon");
  await expect(page.getByRole("option", { name: /Endpoint.*Beacon Mail/ })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(box).toBeHidden();
});

test("Enter goes to nothing that was found for another text", async ({ member: { page } }) => {
  await page.goto("/");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("newsl");
  await expect(page.getByRole("option", { name: /Audience.*Newsletter/ }).first()).toBeVisible();
  let letGo = () => {};
  const held = new Promise<void>((go) => (letGo = go));
  await page.route("**/api/find_places", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("combobox", { name: "Search or go to" }).press("Control+A");
  await page.keyboard.type("beacon");
  await expect(page.getByText("Searching …")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL("/");
  letGo();
  await expect(page.getByRole("option", { name: /Endpoint.*Beacon Mail/ })).toBeVisible();
});

test("a slash goes to the page's search box, or else to the palette, and is typed where text is", async ({ member: { page } }) => {
  await page.goto("/audiences");
  await page.keyboard.press("/");
  await expect(page.locator("main input[type=search]")).toBeFocused();
  await page.keyboard.type("a/b");
  await expect(page.locator("main input[type=search]")).toHaveValue("a/b");
  await page.goto("/");
  await page.keyboard.press("/");
  await expect(page.getByRole("combobox", { name: "Search or go to" })).toBeFocused();
  await page.keyboard.type("no such thing at all");
  await expect(page.getByText("Nothing is called so.")).toBeVisible();
});

test("a press on the button opens it, and one beside it closes it", async ({ member: { page } }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/runs");
  await page.getByRole("button", { name: "Search or go to" }).click();
  const box = page.getByRole("combobox", { name: "Search or go to" });
  await expect(box).toBeVisible();
  await page.mouse.click(195, 820);
  await expect(box).toBeHidden();
});
