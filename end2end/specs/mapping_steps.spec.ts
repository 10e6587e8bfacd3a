// What is done to a link's value: steps that are added, told, moved and taken away; presets; joined fields.

import { expect, test } from "../support/test.ts";
import type { Locator, Page } from "@playwright/test";
import { addStep, newSegment, shareToMap, sourceOf, targetRow } from "../support/sharing.ts";

test.beforeEach(async ({ member: { page } }) => {
  await shareToMap(page, "High-value customers", { segment: { new: newSegment("Steps") } });
});

const saved = (page: Page) => page.getByRole("status").filter({ hasText: /^Saved$/ });
const steps = (row: Locator) => row.locator(".step .step-name");

test("steps are added, moved and taken away with the keyboard, and each says what it makes", async ({ page, axe }) => {
  await sourceOf(page, "Given name").selectOption({ label: "First name" });
  const row = targetRow(page, "given_name");
  await row.locator("summary").focus();
  await page.keyboard.press("Enter");
  await expect(row.getByText("The value is sent as it is.")).toBeVisible();
  await row.getByLabel("Add a step", { exact: true }).selectOption({ label: "Trim" });
  await row.getByRole("button", { name: "Add the step for Given name" }).focus();
  await page.keyboard.press("Enter");
  await addStep(row, "Upper-case");
  await expect(steps(row)).toHaveText(["Trim", "Upper-case"]);
  await expect(row.locator(".steps-said")).toHaveText("Trim → Upper-case");

  const later = row.getByRole("button", { name: "Do “Trim” later" });
  await later.focus();
  await page.keyboard.press("Enter");
  await expect(steps(row)).toHaveText(["Upper-case", "Trim"]);
  await expect(later, "the focus goes along").toBeFocused();
  await expect(page.locator("#said")).toHaveText("Moved “Trim” to place 2.");
  await row.getByRole("button", { name: "Take “Upper-case” away" }).click();
  await expect(steps(row)).toHaveText(["Trim"]);
  await page.keyboard.press("Control+z");
  await expect(steps(row)).toHaveText(["Upper-case", "Trim"]);

  // The first can't be done earlier.
  await row.getByRole("button", { name: "Do “Upper-case” earlier" }).focus();
  const said = await page.locator("#said").textContent();
  await page.keyboard.press("Enter");
  await expect(steps(row)).toHaveText(["Upper-case", "Trim"]);
  await expect(page.locator("#said")).toHaveText(said ?? "");

  await addStep(row, "SHA-256 as hex");
  await expect(row.locator(".step").last()).toContainText("→ SHA-256, hex");
  await axe();
  await expect(saved(page)).toBeVisible();
  await page.reload();
  await expect(row.locator(".steps-said")).toHaveText("Upper-case → Trim → SHA-256 hex");
});

test("a step is told what it needs, and says what is wrong with it", async ({ page }) => {
  await page.getByRole("switch", { name: "Show values" }).click();
  await sourceOf(page, "Language").selectOption({ label: "Language" });
  const language = targetRow(page, "language");
  await language.locator("summary").click();
  await addStep(language, "Look up");
  await expect(language.getByText("The look-up table is empty.")).toBeVisible();
  const table = language.getByLabel("One a line: value = what is sent");
  await expect(table).toBeFocused();
  await table.pressSequentially("pt = Portuguese\nen=English\n");
  await expect(table, "what is typed stays as it is typed").toHaveValue("pt = Portuguese\nen=English\n");
  await language.getByLabel("Any other value").selectOption({ label: "is left empty" });
  await expect(language.getByText("The look-up table is empty.")).toHaveCount(0);
  await expect(page.locator(".preview-table").getByText(/Portuguese|English|empty/).first()).toBeVisible();
  await expect(language.locator(".steps-said")).toHaveText("Look up (2)");

  await addStep(language, "Split");
  await language.getByLabel("Part (1 is the first, -1 the last)").fill("0");
  await expect(language.getByText("“Split” keeps a part that can't be.")).toBeVisible();
  await language.getByLabel("Part (1 is the first, -1 the last)").press("Control+A");
  await language.getByLabel("Part (1 is the first, -1 the last)").pressSequentially("-1");
  await expect(language.getByLabel("Part (1 is the first, -1 the last)")).toHaveValue("-1");
  await expect(language.getByText("“Split” keeps a part that can't be.")).toHaveCount(0);
  await expect(saved(page)).toBeVisible();
  await page.reload();
  await language.locator("summary").click();
  await expect(table).toHaveValue("pt = Portuguese\nen = English");
  await expect(language.getByLabel("Part (1 is the first, -1 the last)")).toHaveValue("-1");
});

test("each choice is taken back by itself", async ({ page }) => {
  await sourceOf(page, "Given name").selectOption({ label: "First name" });
  const row = targetRow(page, "given_name");
  await row.locator("summary").click();
  await addStep(row, "Date format");
  const [from, to] = [row.getByLabel("Read as"), row.getByLabel("Written as")];
  await from.selectOption({ index: 2 });
  const chosen = await from.inputValue();
  const before = await to.inputValue();
  await to.selectOption({ index: 3 });
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(to).toHaveValue(before);
  await expect(from).toHaveValue(chosen);
});

test("a preset sets all links as one change; another sets one link", async ({ page }) => {
  await page.getByRole("button", { name: /^Accept all above/ }).click();
  const email = targetRow(page, "email").locator(".steps-said");
  const phone = targetRow(page, "mobile").locator(".steps-said");
  await expect(email).toHaveText("Normalise e-mail");
  await page.getByLabel("Write identifiers by").selectOption({ label: "Google’s rules" });
  await page.getByRole("button", { name: "Set for all links" }).click();
  await expect(email).toHaveText("Normalise e-mail → Gmail rule");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(email).toHaveText("Normalise e-mail");

  const row = targetRow(page, "mobile");
  await row.locator("summary").click();
  await row.getByLabel("Default country").fill("pt");
  await row.getByLabel("Set all steps", { exact: true }).selectOption({ label: "Meta’s rules" });
  await row.getByRole("button", { name: "Set the steps for Mobile number" }).click();
  await expect(phone).toHaveText("E.164 phone (PT) → Digits only, else empty");
  await expect(email).toHaveText("Normalise e-mail");
});

test("several fields are joined", async ({ page }) => {
  await page.getByRole("switch", { name: "Show values" }).click();
  await sourceOf(page, "Postal address").selectOption({ label: "City" });
  await sourceOf(page, "Postal address").selectOption({ label: "Several fields, joined …" });
  const row = targetRow(page, "postal_address");
  await expect(row.getByLabel("Field 1")).toHaveValue("city");
  await expect(row.getByText("joins 2 to 10 fields")).toBeVisible();
  await row.getByLabel("And also").selectOption({ label: "Postal code" });
  await expect(row.getByText("joins 2 to 10 fields")).toHaveCount(0);
  const curves = page.locator('.links .link[data-link="postal_address"]:not(.suggested)');
  await expect(curves, "a line comes from each of them").toHaveCount(2);
  await expect(page.locator('.links .link[data-from="postal_code"][data-link="postal_address"]')).toHaveCount(1);
  await row.getByLabel("Between them").fill(", ");
  await expect(page.locator(".preview-table td").filter({ hasText: /\p{L}, \d/u }).first()).toBeVisible();
  await expect(row.locator(".steps-said")).toHaveText("2 fields joined → As is");
  await row.getByLabel("Field 2").selectOption({ label: "Take it away" });
  await expect(row.getByText("joins 2 to 10 fields")).toBeVisible();
  await expect(curves).toHaveCount(1);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(row.getByLabel("Field 2")).toHaveValue("postal_code");
  await expect(saved(page)).toBeVisible();
  await page.reload();
  await expect(sourceOf(page, "Postal address")).toHaveValue("=joined");
});
