// What the program adds to the catalogue.

import { expect, test } from "../support/test.ts";

test("the list follows what is typed, in one step of the history", async ({ member: { page } }) => {
  await page.goto("/");
  await page.goto("/audiences");
  const steps = () => page.evaluate(() => history.length);
  const before = await steps();
  const box = page.getByRole("searchbox");
  await box.pressSequentially("porto", { delay: 160 });
  await expect(page.getByRole("rowheader").getByRole("link")).toHaveText(["Lisbon and Porto"]);
  await expect(page).toHaveURL(/q=porto/);
  await expect(box).toBeFocused();
  expect(await steps(), "five letters are one step").toBe(before + 1);
  await page.goBack();
  await expect(page).not.toHaveURL(/q=/);
  await expect(box).toHaveValue("");
  await expect(page.getByRole("row", { name: /All customers/ })).toBeVisible();
  await page.goForward();
  await expect(box).toHaveValue("porto");
  await expect(page.getByRole("rowheader").getByRole("link")).toHaveText(["Lisbon and Porto"]);
  await box.fill("");
  await expect(page.getByRole("row", { name: /All customers/ })).toBeVisible();
});

test("the number of hits is said where readers listen", async ({ member: { page } }) => {
  await page.goto("/audiences");
  const status = page.getByRole("status").filter({ hasText: "audience" });
  // The same element speaks on: one that came anew would not be heard.
  await status.evaluate((element) => element.setAttribute("data-same", ""));
  await page.getByRole("searchbox").fill("subscribers");
  await expect(status).toHaveText(/^1\s/);
  await expect(status).toHaveAttribute("data-same", "");
});

test("on a phone the filters fold away, and open by keyboard", async ({ member: { page }, axe }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/audiences");
  const tags = page.getByRole("list", { name: "Tags" });
  await expect(tags).toBeHidden();
  await page.getByRole("checkbox", { name: "Filters" }).focus();
  await page.keyboard.press("Space");
  await expect(tags).toBeVisible();
  await axe();
  await tags.getByRole("link", { name: /region/ }).click();
  await expect(page.getByRole("rowheader").getByRole("link")).toHaveText(["Lisbon and Porto"]);
});
