// What the program adds to the catalogue.

import { expect, test } from "../support/test.ts";

test("the list follows what is typed", async ({ member: { page } }) => {
  await page.goto("/audiences");
  await page.getByRole("searchbox").pressSequentially("porto");
  await expect(page.getByRole("rowheader").getByRole("link")).toHaveText(["Lisbon and Porto"]);
  await expect(page).toHaveURL(/q=porto/);
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.getByRole("searchbox").fill("");
  await expect(page.getByRole("row", { name: /All customers/ })).toBeVisible();
});
