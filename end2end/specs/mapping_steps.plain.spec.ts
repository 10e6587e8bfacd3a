// The steps of a link without the page's program: the same list, as a form.

import { expect, test } from "../support/test.ts";
import { addStep, newSegment, shareToMap, sourceOf, targetRow, toReview } from "../support/sharing.ts";

test("steps are added, told, moved and taken away by posting the form", async ({ member: { page }, axe }) => {
  await shareToMap(page, "High-value customers", { segment: { new: newSegment("Plain steps") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await sourceOf(page, "Given name").selectOption({ label: "First name" });
  await page.getByRole("button", { name: "Save", exact: true }).last().click();
  const row = targetRow(page, "given_name");
  await row.locator("summary").click();
  await row.getByRole("button", { name: "Change the steps" }).click();
  await expect(row.getByText("The value is sent as it is.")).toBeVisible();
  await addStep(row, "Split");
  await expect(row.locator(".step-name")).toHaveText(["Split"]);
  await row.getByLabel("Separator").fill("-");
  await row.getByLabel("Part (1 is the first, -1 the last)").fill("-1");
  await addStep(row, "Upper-case");
  await row.getByRole("button", { name: "Do “Upper-case” earlier" }).click();
  await expect(row.locator(".steps-said")).toHaveText("Upper-case → Part -1 by “-”");
  await axe();
  await row.getByRole("button", { name: "Take “Upper-case” away" }).click();
  await expect(row.locator(".steps-said")).toHaveText("Part -1 by “-”");
  await row.getByLabel("Set all steps", { exact: true }).selectOption({ label: "Meta’s rules" });
  await row.getByRole("button", { name: "Set the steps for Given name" }).click();
  await expect(row.locator(".steps-said")).toHaveText("Normalise name");

  await page.getByLabel("Write identifiers by").selectOption({ label: "Google’s rules" });
  await page.getByRole("button", { name: "Set for all links" }).click();
  await expect(targetRow(page, "email").locator(".steps-said")).toHaveText("Normalise e-mail → Gmail rule");
  await toReview(page);
  await expect(page.getByRole("row", { name: /First name.*Given name/ })).toContainText("Normalise name");
});

test("several fields are joined by posting the form", async ({ member: { page } }) => {
  await shareToMap(page, "High-value customers", { segment: { new: newSegment("Plain joined") } });
  await sourceOf(page, "Postal address").selectOption({ label: "City" });
  await page.getByRole("button", { name: "Save", exact: true }).last().click();
  await sourceOf(page, "Postal address").selectOption({ label: "Several fields, joined …" });
  const row = targetRow(page, "postal_address");
  await row.locator("summary").click();
  await row.getByRole("button", { name: "Change the steps" }).click();
  await expect(row.getByLabel("Field 1")).toHaveValue("city");
  await row.getByLabel("And also").selectOption({ label: "Postal code" });
  await page.getByRole("button", { name: "Save", exact: true }).last().click();
  await expect(row.locator(".steps-said")).toHaveText("2 fields joined → As is");
});
