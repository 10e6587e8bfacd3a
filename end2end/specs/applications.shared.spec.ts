// An application from its first name to its end, as its provider, the operator and an account that connects it do it; with the page's program and without.

import { expect, test } from "../support/test.ts";
import { connect, makeOperator, newPerson, signUp, type Person } from "../support/people.ts";
import { running } from "../support/installation.ts";
import { beginShare, newSegment, runEnds, shareNow, sourceOf, toReview } from "../support/sharing.ts";
import type { Browser, Page } from "@playwright/test";

/** A picture of one pixel. */
const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==", "base64");

/** The page of somebody who operates the installation. */
async function operator(browser: Browser, baseURL: string, javaScriptEnabled: boolean): Promise<{ page: Page; person: Person }> {
  const context = await browser.newContext({ baseURL, javaScriptEnabled });
  const page = await context.newPage();
  const person = newPerson("The operators");
  await signUp(page, person);
  await makeOperator(person);
  return { page, person };
}

async function step(page: Page, name: string): Promise<void> {
  await expect(page.getByRole("heading", { level: 1, name, exact: true })).toBeVisible();
}

async function go(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Save and continue" }).click();
}

/** Begins an application; ends at its first step. */
async function begin(page: Page, name: string): Promise<void> {
  await page.goto("/applications");
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Begin" }).click();
  await step(page, "About");
}

/** Runs the Test Drive to its end. */
async function drive(page: Page, url: string, key: string, ends: "Passed" | "Failed"): Promise<void> {
  await page.getByLabel("Address").fill(url);
  await page.getByLabel("Authentication key").fill(key);
  await page.getByRole("button", { name: "Start the Test Drive" }).click();
  const verdict = page.locator(".report .verdict");
  await expect(async () => {
    // Without the program the page is asked for again.
    const again = page.getByRole("link", { name: "Look again" });
    if (await again.isVisible()) await again.click({ timeout: 1000 }).catch(() => undefined);
    await expect(verdict).toContainText(ends, { timeout: 1000 });
  }).toPass({ timeout: 60_000 });
}

/** What an account does with an application that is approved: connects it, sends it an audience, exchanges what Usher calls it with, disconnects it. */
async function use(page: Page, name: string): Promise<void> {
  const { harbor, harborKey, beacon, beaconKey } = running();
  await connect(page, "Harbor CRM", harbor.url, harborKey);
  const endpoint = await connect(page, name, beacon.url, beaconKey);
  await beginShare(page, "Lisbon and Porto");
  await page.getByRole("radio", { name: new RegExp(name) }).check();
  await page.getByRole("radio", { name: /A new segment/ }).check();
  await page.getByLabel("Name of the new segment").fill(newSegment("Readers"));
  await page.getByRole("button", { name: "Continue to the mapping" }).click();
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await expect(page.getByRole("status").filter({ hasText: /^Saved$/ })).toBeVisible();
  await toReview(page);
  await shareNow(page);
  await runEnds(page);

  await page.goto(endpoint);
  await page.getByRole("link", { name: "Change credentials" }).click();
  await page.getByLabel("Authentication key").fill(beaconKey);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("What Usher calls it with was changed.")).toBeVisible();

  await page.getByRole("link", { name: /^Disconnect/ }).click();
  await expect(page.getByRole("main")).toContainText("Lisbon and Porto");
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Disconnect for good" }).click();
  await expect(page.getByText(`${name} is disconnected.`)).toBeVisible();
}

test("an application is defined, tried, submitted, rejected, mended, approved and used", async ({ newcomer: { page }, browser, baseURL, javaScriptEnabled, axe, expectComplaint }) => {
  test.setTimeout(240_000);
  expectComplaint(/status of 422/);
  const name = `Postcards ${Math.random().toString(36).slice(2, 8)}`;
  const { beacon, beaconKey } = running();
  const withProgram = javaScriptEnabled ?? true;

  await page.goto("/applications");
  await expect(page.getByText("Your account provides no application yet.")).toBeVisible();
  await axe();
  await begin(page, name);
  await page.getByLabel("Description").fill("Writes postcards.");
  await page.getByLabel("Category").selectOption("mail");
  await page.getByLabel("Support contact").fill("not a contact");
  await go(page);
  await expect(page.getByRole("alert").filter({ hasText: "help@example.org" })).toBeVisible();
  await expect(page.getByLabel("Description"), "what was typed stays").toHaveValue("Writes postcards.");
  await axe();
  await page.getByLabel("Picture").setInputFiles({ name: "logo.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await page.getByRole("button", { name: "Upload the logo" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "PNG, JPEG or WebP" })).toBeVisible();
  await page.getByLabel("Picture").setInputFiles({ name: "logo.png", mimeType: "image/png", buffer: PIXEL });
  await page.getByRole("button", { name: "Upload the logo" }).click();
  await expect(page.getByRole("img", { name: `Logo of ${name}` })).toBeVisible();
  await expect(page.getByLabel("Description"), "what was typed beside the logo stays").toHaveValue("Writes postcards.");
  await page.getByLabel("Support contact").fill("help@example.org");
  await page.getByRole("button", { name: "Remove the logo" }).click();
  await expect(page.getByText("The logo was removed.")).toBeVisible();
  await expect(page.getByLabel("Category")).toHaveValue("mail");
  await expect(page.getByLabel("Support contact")).toHaveValue("help@example.org");
  await go(page);

  await step(page, "Types");
  await go(page);
  await expect(page.getByRole("alert").filter({ hasText: "Choose at least one way" })).toBeVisible();
  await page.getByRole("radio", { name: /Yes, Usher sends them/ }).check();
  await axe();
  await go(page);

  await step(page, "Addresses");
  await page.getByLabel("Address", { exact: true }).fill("http://10.0.0.1/");
  await go(page);
  await expect(page.getByRole("alert").filter({ hasText: "not public" })).toBeVisible();
  await page.getByLabel("Address", { exact: true }).fill(beacon.url);
  await axe();
  await go(page);

  await step(page, "Fields");
  await page.getByLabel("Column").fill("_error_code");
  await page.getByRole("button", { name: "Add the field" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Usher’s own" })).toBeVisible();
  await expect(page.getByLabel("Column")).toHaveValue("_error_code");
  await page.getByLabel("File", { exact: true }).setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from("email,nickname\n") });
  await page.getByRole("button", { name: "Read the file" }).click();
  await expect(page.getByText("2 fields were read.")).toBeVisible();
  await page.getByRole("button", { name: "Remove nickname" }).click();
  await expect(page.getByText("The field “nickname” was removed.")).toBeVisible();
  await page.getByRole("link", { name: "Edit email" }).click();
  await expect(page.getByRole("heading", { name: "Edit “email”" })).toBeVisible();
  await page.getByLabel("Need").selectOption("required");
  await page.getByRole("button", { name: "Save the field" }).click();
  await expect(page.getByRole("row", { name: /email/ })).toContainText("Required");
  await axe();
  await page.getByRole("link", { name: "Continue", exact: true }).click();

  await step(page, "Delivery");
  await go(page);
  await expect(page.getByRole("alert").filter({ hasText: "at least one way" })).toBeVisible();
  await page.getByLabel("Add people").check();
  await page.getByLabel("Replace the members").check();
  await page.getByLabel("Remove people").check();
  await page.getByLabel("New segments").check();
  await axe();
  await go(page);

  await step(page, "Credentials");
  await page.getByLabel("Where they are found").fill("Settings, API keys");
  await axe();
  await go(page);

  await step(page, "Test Drive");
  await drive(page, beacon.url, "not-the-key", "Failed");
  await expect(page.locator(".drive-steps")).not.toContainText("not-the-key");
  await axe();
  await page.getByRole("link", { name: "Continue", exact: true }).click();
  await step(page, "Submit");
  await expect(page.getByText("It can’t be submitted yet.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Submit for review" })).toHaveCount(0);
  await page.getByRole("link", { name: "To the step Test Drive" }).click();
  await step(page, "Test Drive");
  await drive(page, beacon.url, beaconKey, "Passed");
  await page.getByRole("link", { name: "Continue", exact: true }).click();
  await step(page, "Submit");
  await axe();
  await page.getByLabel("Note to the operator").fill("Our first one.");
  await page.getByRole("button", { name: "Submit for review" }).click();
  await expect(page.getByText("It is in review.", { exact: false }).first()).toBeVisible();
  const address = new URL(page.url()).pathname;

  const { page: desk } = await operator(browser, baseURL ?? "", withProgram);
  await desk.goto("/review");
  await desk.getByRole("region", { name: "Waiting for review" }).getByRole("link", { name }).click();
  await expect(desk.getByText("Our first one.")).toBeVisible();
  await expect(desk.getByRole("region", { name: "Test Drive" })).toContainText("Passed");
  await desk.getByRole("button", { name: "Reject" }).click();
  await expect(desk.getByRole("alert").filter({ hasText: "Write why" })).toBeVisible();
  await axe(desk);
  await desk.getByLabel("Reason", { exact: true }).fill("Say who reads the postcards.");
  await desk.getByRole("button", { name: "Reject" }).click();
  await expect(desk.getByText("Its provider sees your reason.")).toBeVisible();

  await page.goto(address);
  await expect(page.getByText("Say who reads the postcards.").first()).toBeVisible();
  await axe();
  await page.getByRole("link", { name: "Mend it" }).click();
  await step(page, "About");
  await page.getByLabel("Description").fill("Writes postcards, which nobody reads but whom they are for.");
  await go(page);
  await step(page, "Types");
  await page.getByRole("navigation", { name: "Steps of defining an application" }).getByRole("link", { name: "Submit" }).click();
  await page.getByRole("button", { name: "Submit for review" }).click();
  await expect(page.getByText("It is in review.", { exact: false }).first()).toBeVisible();

  await desk.goto("/review");
  await desk.getByRole("region", { name: "Waiting for review" }).getByRole("link", { name }).click();
  await desk.getByRole("button", { name: "Approve" }).click();
  await expect(desk.getByText("in the gallery of every account")).toBeVisible();
  await axe(desk);

  await page.goto("/connect");
  await expect(page.getByRole("link", { name })).toBeVisible();
  if (withProgram) await use(page, name);
  await page.goto(address);
  await expect(page.getByText("Version 1 can be connected by every account.")).toBeVisible();
  await expect(page.getByRole("region", { name: "History" }).getByRole("listitem")).toHaveCount(5);

  // A change is a new version, reviewed by what differs.
  await page.getByRole("button", { name: "Begin a new version" }).click();
  await step(page, "About");
  await page.getByLabel("Description").fill("Writes postcards and letters.");
  await go(page);
  await step(page, "Types");
  await page.goto(`${address}/test-drive`);
  await drive(page, beacon.url, beaconKey, "Passed");
  await page.goto(`${address}/submit`);
  await expect(page.getByRole("heading", { name: /^1\sdifference from version 1$/ })).toBeVisible();
  await page.getByRole("button", { name: "Submit for review" }).click();
  await desk.goto(address.replace("/applications/", "/review/"));
  await expect(desk.getByRole("row", { name: /Description/ })).toContainText("Writes postcards and letters.");
  await desk.getByLabel("Reason for retiring").fill("Too many postcards.");
  await desk.getByRole("button", { name: "Retire it" }).click();
  await expect(desk.getByText("It is retired.", { exact: false })).toBeVisible();
  await page.goto("/connect");
  await expect(page.getByRole("link", { name })).toHaveCount(0);
  await desk.context().close();
});

test("what was cleared stays cleared when something else is wrong, and a field's text never becomes another field's", async ({ newcomer: { page } }) => {
  await begin(page, newSegment("Leaflets"));
  const application = new URL(page.url()).pathname.replace("/about", "");
  await page.goto(`${application}/types`);
  await page.getByRole("radio", { name: /Yes, Usher sends them/ }).check();
  await go(page);
  await step(page, "Addresses");

  await page.goto(`${application}/delivery`);
  await page.getByLabel("Add people").check();
  await page.getByLabel("New segments").check();
  await page.getByLabel("Rows per second").fill("500");
  await go(page);
  await step(page, "Credentials");
  await page.goto(`${application}/delivery`);
  await expect(page.getByLabel("Rows per second")).toHaveValue("500");
  await page.getByLabel("Rows per second").fill("");
  await page.getByLabel("Rows per part").fill("abc");
  await go(page);
  await expect(page.getByRole("alert").filter({ hasText: "needs mending" })).toBeVisible();
  await expect(page.getByLabel("Rows per part")).toHaveValue("abc");
  await expect(page.getByLabel("Rows per second")).toHaveValue("");

  await page.goto(`${application}/fields`);
  await page.getByLabel("File", { exact: true }).setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from("email,city\n") });
  await page.getByRole("button", { name: "Read the file" }).click();
  await expect(page.getByText("2 fields were read.")).toBeVisible();
  await page.getByRole("link", { name: "Edit email" }).click();
  await expect(page.getByRole("heading", { name: "Edit “email”" })).toBeVisible();
  await page.getByLabel("Label").fill("Where letters go");
  await page.getByRole("link", { name: "Edit city" }).click();
  await expect(page.getByRole("heading", { name: "Edit “city”" })).toBeVisible();
  await expect(page.getByLabel("Column")).toHaveValue("city");
  await expect(page.getByLabel("Label")).not.toHaveValue("Where letters go");
});

test("who is no operator finds no review", async ({ newcomer: { page }, expectComplaint }) => {
  expectComplaint(/status of 404/);
  await expect(page.getByRole("link", { name: "Review", exact: true })).toHaveCount(0);
  await page.goto("/review");
  await expect(page.getByRole("alert").filter({ hasText: "There is no such page." })).toBeVisible();
});
