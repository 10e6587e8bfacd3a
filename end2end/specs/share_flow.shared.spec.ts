// The share flow around its steps: beginning with the destination, templates, copies, versions, what is confirmed, and what would happen.

import { expect, test, waitForProgram } from "../support/test.ts";
import { beginShare, chooseDestination, newSegment, runEnds, shareNow, shareToMap, sourceOf, toReview, toWhen } from "../support/sharing.ts";
import type { Page } from "@playwright/test";

/** Saves what was chosen, as a person does who has no program. */
async function keep(page: Page, javaScriptEnabled: boolean): Promise<void> {
  if (javaScriptEnabled) await expect(page.getByRole("status").filter({ hasText: /^Saved$/ })).toBeVisible();
  else await page.getByRole("button", { name: "Save", exact: true }).last().click();
}

test("a share begins with the destination, and the audience can be changed while it is a draft", async ({ member: { page, demo }, axe }) => {
  await page.goto(demo.beacon);
  await page.getByRole("link", { name: "Send an audience here" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Choose an audience" })).toBeVisible();
  await axe();
  await page.getByLabel("Find an audience").fill("Lisbon");
  await page.getByLabel("Find an audience").press("Enter");
  await expect(page).toHaveURL(/q=Lisbon/);
  await page.getByRole("button", { name: "Choose Lisbon and Porto" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Destination" })).toBeVisible();
  await expect(page.getByRole("radio", { name: /Beacon Mail/ })).toBeChecked();
  await page.getByText(/endpoints? that can't take it/).click();
  await expect(page.getByText("Harbor CRM only offers audiences; it takes none.")).toBeVisible();
  await axe();
  await chooseDestination(page, { segment: { new: newSegment("Both ways") } });

  await page.getByRole("navigation", { name: "Steps of sharing" }).getByRole("link", { name: "Audience" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Audience" })).toBeVisible();
  await axe();
  await page.getByLabel("Find an audience").fill("High-value");
  await page.getByLabel("Find an audience").press("Enter");
  await page.getByRole("button", { name: "Choose High-value customers" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Destination" })).toBeVisible();
  await expect(page.getByText("High-value customers").first()).toBeVisible();
});

test("a mapping is kept as a template, applied to another share, renamed and deleted", async ({ member: { page }, axe, javaScriptEnabled }) => {
  const name = newSegment("Names and mail");
  const first = await shareToMap(page, "High-value customers", { segment: { new: newSegment("First") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await sourceOf(page, "Given name").selectOption({ label: "First name" });
  await keep(page, javaScriptEnabled);
  await page.goto(first.replace("/mapping", "/templates"));
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Keep it" }).click();
  await expect(page.getByText(`“${name}” is kept`)).toBeVisible();
  await axe();

  const second = await shareToMap(page, "Lisbon and Porto", { segment: { new: newSegment("Second") } });
  await page.getByRole("link", { name: "start from one" }).click();
  const card = page.getByRole("listitem").filter({ hasText: name });
  await expect(card).toContainText("2 of 2");
  await card.getByRole("button", { name: `Use “${name}”` }).click();
  await expect(page).toHaveURL(new RegExp(`${second}$`));
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
  await expect(sourceOf(page, "Given name")).toHaveValue("first_name");

  await page.goto("/templates");
  const kept = page.getByRole("listitem").filter({ hasText: name });
  await kept.getByText("Change", { exact: true }).click();
  await kept.getByLabel(/New name/).fill(`${name} anew`);
  await axe();
  await kept.getByRole("button", { name: "Rename" }).click();
  await expect(page.getByText(`It is called “${name} anew” now.`)).toBeVisible();
  await expect(page.getByRole("heading", { name: `${name} anew` })).toBeVisible();
  // With the page's program it is still open.
  if ((await kept.locator("details").getAttribute("open")) === null) await kept.getByText("Change", { exact: true }).click();
  await kept.getByRole("button", { name: /^Delete/ }).click();
  await expect(page.getByText("The template is deleted.")).toBeVisible();
  await expect(page.getByRole("heading", { name: `${name} anew` })).toBeHidden();
});

test("what somebody has changed since the review was opened is not shared before it was seen", async ({ member: { page }, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 409/);
  await shareToMap(page, "Lisbon and Porto", { segment: { new: newSegment("As reviewed") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  const other = await page.context().newPage();
  waitForProgram(other, javaScriptEnabled);
  await other.goto(page.url().replace("/review", "/when"));
  await other.getByRole("radio", { name: /^Replace/ }).check();
  await other.getByRole("button", { name: "Continue to the review" }).click();
  await expect(other.getByRole("heading", { level: 1, name: "Review" })).toBeVisible();
  await other.close();
  await page.getByRole("button", { name: "Share now" }).click();
  await expect(page.getByRole("alert").first()).toContainText("The share was changed by you, in another place, after you opened the review.");
  await expect(page).toHaveURL(/\/review$/);
  // The review is by now of what there is.
  await shareNow(page);
  await runEnds(page);
});

test("a share is copied, pointed out, confirmed by name, and deleted", async ({ member: { page }, axe, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  const segment = newSegment("Twice");
  await shareToMap(page, "Lisbon and Porto", { segment: { new: segment } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  const first = new URL(page.url()).pathname.replace("/review", "");
  await shareNow(page);
  await runEnds(page);

  await page.goto(first);
  await axe();
  await page.getByRole("button", { name: "Share again like this" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Destination" })).toBeVisible();
  const copy = new URL(page.url()).pathname.replace("/destination", "");
  expect(copy).not.toBe(first);
  await expect(page.getByLabel("Existing segment")).not.toHaveValue("");
  await page.getByRole("button", { name: "Continue to the mapping" }).click();
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
  await toReview(page, { mode: "Replace" });
  await expect(page.getByRole("heading", { name: "Beacon Mail gets this audience already" })).toBeVisible();
  const warnings = page.getByRole("region", { name: /to confirm/ });
  await expect(warnings.getByRole("checkbox")).toHaveCount(2);
  await axe();
  await page.getByRole("button", { name: "Share now" }).click();
  await expect(page.getByRole("alert").first()).toContainText("Confirm: ");
  await expect(page).toHaveURL(/\/review$/);
  await shareNow(page);
  await runEnds(page);
  await page.goto(`${copy}/review`);
  await expect(warnings.getByText(/Confirmed by/)).toHaveCount(2);

  await page.goto(copy);
  await page.getByText("Delete this share").click();
  await expect(page.getByText(`“${segment}” of Beacon Mail stays as it is`)).toBeVisible();
  await page.getByRole("button", { name: "Delete it for good" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Shares" })).toBeVisible();
  await expect(page.locator(`a[href="${copy}"]`)).toHaveCount(0);
  await expect(page.locator(`a[href="${first}"]`)).toHaveCount(1);
});

test("versions of a mapping say what was changed, and an earlier one is put in place again", async ({ member: { page }, axe, javaScriptEnabled }) => {
  const mapping = await shareToMap(page, "Lisbon and Porto", { segment: { new: newSegment("Versions") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await sourceOf(page, "Town").selectOption({ label: "City" });
  await toReview(page);
  await shareNow(page);
  await runEnds(page);
  await page.goto(mapping);
  await sourceOf(page, "Town").selectOption("");
  await keep(page, javaScriptEnabled);
  await page.goto(mapping.replace("/mapping", "/versions"));
  const items = page.locator(".version");
  await expect(items).toHaveCount(2);
  await expect(items.first()).toContainText("“Town” is no longer sent.");
  await expect(items.last()).toContainText("Used by a run");
  await items.last().getByText(/^Put version \d+ in place again$/).click();
  await expect(items.last()).toContainText("“Town” gets “City”");
  await axe();
  await items.last().getByRole("button", { name: /^Restore version/ }).click();
  await expect(page.getByText(/is in place again, as version/)).toBeVisible();
  await expect(items).toHaveCount(3);
  await page.goto(mapping);
  await expect(sourceOf(page, "Town")).toHaveValue("city");
});

test("a draft is as it was left, step by step", async ({ member: { page } }) => {
  const segment = newSegment("Tomorrow");
  const mapping = await shareToMap(page, "High-value customers", { segment: { new: segment } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page, { mode: "Replace", duplicates: "first" });
  const share = mapping.replace("/mapping", "");
  await page.goto("/shares");
  await page.locator(`a[href^="${share}"]`).first().click();
  await expect(page.getByLabel("Name of the new segment")).toHaveValue(segment);
  await page.goto(`${share}/when`);
  await page.reload();
  await expect(page.getByRole("radio", { name: /^Replace/ })).toBeChecked();
  await expect(page.getByLabel("Rows of the same person")).toHaveValue("first");
  await page.goto(mapping);
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
});

test("of two tabs the later one is told what the other did, and overwrites it only on purpose", async ({ member: { page }, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 409/);
  await shareToMap(page, "High-value customers", { segment: { new: newSegment("Two tabs") } });
  await toWhen(page);
  const address = page.url();
  const other = await page.context().newPage();
  await other.goto(address);
  await other.getByRole("radio", { name: /^Replace/ }).check();
  await other.getByRole("button", { name: "Continue to the review" }).click();
  await expect(other.getByRole("heading", { level: 1, name: "Review" })).toBeVisible();
  await other.close();

  await page.getByRole("radio", { name: /^Mirror/ }).check();
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await expect(page.getByRole("alert").first()).toContainText("It now says: Replace");
  await expect(page.getByRole("radio", { name: /^Mirror/ })).toBeChecked();
  await page.getByLabel("Put mine in place of it").check();
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Review" })).toBeVisible();
  await page.goto(address);
  await expect(page.getByRole("radio", { name: /^Mirror/ })).toBeChecked();
});

test("what would happen stands on the review, and is out of date once the share is changed", async ({ member: { page }, axe, javaScriptEnabled }) => {
  await beginShare(page, "High-value customers");
  await chooseDestination(page, { segment: { new: newSegment("Looked at") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  await page.getByRole("button", { name: "See what would happen" }).click();
  const panel = page.getByRole("region", { name: "What would happen" });
  await expect(async () => {
    if (!javaScriptEnabled) await page.reload();
    await expect(panel.locator(".badge")).toHaveText("Checked", { timeout: javaScriptEnabled ? 45_000 : 500 });
  }).toPass({ timeout: 60_000 });
  await expect(panel).toContainText("Would be left out");
  await expect(panel).toContainText("Checked; nothing was sent.");
  await axe();
  await page.getByRole("link", { name: "Back", exact: true }).click();
  await page.getByRole("radio", { name: /^Replace/ }).check();
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await expect(panel).toContainText("The share was changed since.");
});
