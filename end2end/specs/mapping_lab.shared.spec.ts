// The identifier lab: what the platforms' rules make of the sample. With the page's program and without.

import { expect, test } from "../support/test.ts";
import type { Page } from "@playwright/test";
import { newSegment, shareToMap } from "../support/sharing.ts";

test.beforeEach(async ({ member: { page } }) => {
  await shareToMap(page, "High-value customers", { segment: { new: newSegment("Lab") } });
});

/** Opens the lab, and chooses; without the page's program by posting forms. */
async function look(page: Page, scripts: boolean, { field, rules, country }: { field: string; rules: string; country?: string }) {
  const lab = page.locator("details.lab");
  const chooses = page.getByLabel("Field", { exact: true });
  if (!(await chooses.isVisible())) {
    await lab.locator("summary").click();
    if (!scripts) await page.getByRole("button", { name: "Open the lab" }).click();
  }
  await chooses.selectOption({ label: field });
  await page.getByLabel("Rules", { exact: true }).selectOption({ label: rules });
  if (!scripts) await page.getByRole("button", { name: "Try", exact: true }).click();
  if (country !== undefined) {
    await page.getByLabel("Country of numbers without +").fill(country);
    if (!scripts) await page.getByRole("button", { name: "Try", exact: true }).click();
  }
  return lab;
}

test("the sample is shown raw, normalised and hashed, masked until it is asked for", async ({ member: { page }, javaScriptEnabled, axe }) => {
  const scripts = javaScriptEnabled !== false;
  const lab = await look(page, scripts, { field: "E-mail", rules: "UID2" });
  await expect(lab.getByRole("columnheader", { name: /^Normalised/ })).toContainText("Normalise e-mail → Gmail rule");
  await expect(lab.getByRole("columnheader", { name: /^Hashed/ })).toContainText("SHA-256 Base64");
  await expect(lab.locator("tbody tr")).not.toHaveCount(0);
  await expect(lab.locator("tbody")).toContainText("•");
  await expect(lab.locator("tbody")).not.toContainText("@example");
  await axe();
});

test("telephone numbers are read in the country that is chosen, and a wrong one is told", async ({ member: { page }, javaScriptEnabled }) => {
  const scripts = javaScriptEnabled !== false;
  const lab = await look(page, scripts, { field: "Phone", rules: "Meta" });
  await expect(lab.getByRole("list", { name: "Warnings" })).toContainText("have no international prefix");
  await look(page, scripts, { field: "Phone", rules: "Meta", country: "US" });
  await expect(lab.getByRole("list", { name: "Warnings" })).toContainText(/can't be numbers of United States: is it the wrong default country\?/);
  await look(page, scripts, { field: "Phone", rules: "Plain", country: "US" });
  await expect(lab.locator("tbody tr").first()).toContainText(/not hashed|The value/);
});
