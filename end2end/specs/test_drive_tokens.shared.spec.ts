// The Test Drive of an application with OAuth gets its token itself: for a client, or for a consent.

import { expect, test } from "../support/test.ts";
import { running } from "../support/installation.ts";
import { client, startAuthority, type Authority } from "../support/authority.ts";
import type { Page } from "@playwright/test";

/** A draft like Beacon Mail that takes tokens; ends on its Test Drive. */
async function drafted(page: Page, authority: Authority, way: string): Promise<void> {
  await page.goto("/applications");
  await page.getByLabel("Name").fill("Postcards");
  await page.getByRole("button", { name: "Begin" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "About" })).toBeVisible();
  const path = new URL(page.url()).pathname.replace("/about", "");
  const save = async (next: string) => {
    await page.getByRole("button", { name: "Save and continue" }).click();
    await expect(page.getByRole("heading", { level: 1, name: next, exact: true })).toBeVisible();
  };
  await page.goto(`${path}/types`);
  await page.getByRole("radio", { name: /Yes, Usher sends them/ }).check();
  await save("Addresses");
  await page.goto(`${path}/delivery`);
  for (const way of ["Add people", "Replace the members", "Remove people", "New segments"]) await page.getByLabel(way).check();
  await save("Credentials");
  await page.getByRole("radio", { name: way }).check();
  const fill = async (label: string, text: string) => {
    // Each way has inputs of its own; those of the others are hidden, or beside it.
    for (const input of await page.getByLabel(label, { exact: true }).all()) if (await input.isVisible()) await input.fill(text);
  };
  await fill("Address of consent", `${authority.url}/authorize`);
  await fill("Address of tokens", `${authority.url}/token`);
  await fill("Client id", "usher");
  await save("Test Drive");
  await page.getByLabel("Address").fill(running().beacon.url);
}

async function ends(page: Page, word: "Passed" | "Failed"): Promise<void> {
  const verdict = page.locator(".report .verdict");
  await expect(async () => {
    const again = page.getByRole("link", { name: "Look again" });
    if (await again.isVisible()) await again.click({ timeout: 1000 }).catch(() => undefined);
    await expect(verdict).toContainText(word, { timeout: 1000 });
  }).toPass({ timeout: 60_000 });
}

test("for a client of a test account", async ({ newcomer: { page }, axe, expectComplaint }) => {
  test.setTimeout(150_000);
  expectComplaint(/status of 422/);
  const authority = await startAuthority();
  try {
    await drafted(page, authority, "OAuth client of the account’s own");
    await page.getByRole("button", { name: "Start the Test Drive" }).click();
    await expect(page.getByRole("textbox", { name: "Client ID" })).toHaveAttribute("aria-invalid", "true");
    await axe();
    await page.getByLabel("Client ID").fill(client.id);
    await page.getByLabel("Client secret").fill("guessed");
    await page.getByRole("button", { name: "Start the Test Drive" }).click();
    await ends(page, "Failed");
    await expect(page.locator(".drive-steps > li").first()).toContainText("does not know the client");
    await page.getByLabel("Address").fill(running().beacon.url);
    await page.getByLabel("Client ID").fill(client.id);
    await page.getByLabel("Client secret").fill(client.secret);
    await page.getByRole("button", { name: "Start the Test Drive" }).click();
    await ends(page, "Passed");
    const steps = page.locator(".drive-steps");
    await expect(steps.locator("> li").first()).toContainText("Get an access token");
    await expect(steps).not.toContainText(client.secret);
    await expect(steps).not.toContainText(running().beaconKey);
    await axe();
  } finally {
    authority.end();
  }
});

test("for a consent, which leads to the authorisation server and back", async ({ newcomer: { page }, axe }) => {
  test.setTimeout(150_000);
  const authority = await startAuthority();
  try {
    await drafted(page, authority, "OAuth consent (authorization code)");
    const ask = async (answer: "Allow" | "Deny") => {
      await page.getByRole("button", { name: "Ask for consent" }).click();
      const leave = page.getByRole("link", { name: "Continue to Postcards" });
      await expect(leave).toBeVisible();
      await axe();
      await leave.click();
      await page.getByRole("link", { name: answer }).click();
      await expect(page.getByRole("heading", { level: 1, name: "Test Drive" })).toBeVisible();
    };
    await ask("Deny");
    await expect(page.getByText("You did not consent at Postcards, so that the Test Drive was not begun.")).toBeVisible();
    await page.getByLabel("Address").fill(running().beacon.url);
    await ask("Allow");
    await ends(page, "Passed");
    await expect(page.locator(".drive-steps > li").first()).toContainText("Its authorisation server gave one");
  } finally {
    authority.end();
  }
});
