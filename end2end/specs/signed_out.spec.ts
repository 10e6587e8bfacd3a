// A session that ends while a page is open.

import { expect, test } from "../support/test.ts";

test("a link leads to the sign-in page, which says why, and from there to where it was to lead", async ({
  newcomer: { page, person },
  expectComplaint,
}) => {
  expectComplaint(/status of 401/);
  await page.goto("/audiences");
  await page.context().clearCookies();
  await page.getByRole("link", { name: "Runs" }).click();
  await expect(page).toHaveURL("/sign-in?next=%2Fruns&signed_out=yes");
  await expect(page.getByRole("heading", { level: 1, name: "Sign in to Usher" })).toBeVisible();
  await expect(page.getByText("You were signed out")).toBeVisible();
  await page.getByLabel("E-mail address").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL("/runs");
  await expect(page.getByText("Nothing has run yet.")).toBeVisible();
  await page.goBack();
  await expect(page, "the way back does not lead through the door").toHaveURL(/\/sign-in|\/audiences/);
});

test("a form with something typed into it is not left", async ({ newcomer: { page }, expectComplaint }) => {
  expectComplaint(/status of 401/);
  await page.goto("/connect");
  await page.getByRole("link", { name: "Harbor CRM" }).click();
  await page.getByLabel("Name").fill("Harbor of the north");
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(page.getByRole("alert")).toContainText("You were signed out. What you entered is still here");
  await expect(page.getByRole("alert").getByRole("link", { name: "Sign in again, in another tab" })).toHaveAttribute("target", "_blank");
  await expect(page.getByLabel("Name")).toHaveValue("Harbor of the north");
});
