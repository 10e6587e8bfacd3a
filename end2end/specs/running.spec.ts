// A run on its page: live, held up, after a restart of Usher.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, programRuns } from "../support/test.ts";
import { running, startAgain, stop } from "../support/installation.ts";
import { funnel, newSegment, runEnds, shareNow, shareToMap, sourceOf, toReview } from "../support/sharing.ts";
import type { Page } from "@playwright/test";

/** Until it is let go, Beacon Mail takes connections but answers nothing. */
function hold(): () => void {
  const { pid } = running().beacon;
  process.kill(pid, "SIGSTOP");
  return () => process.kill(pid, "SIGCONT");
}

async function ready(page: Page, audience: string): Promise<void> {
  await shareToMap(page, audience, { segment: { new: newSegment("Live") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
}

test("the page follows the run to its end without being loaded again", async ({ member: { page }, axe }) => {
  await ready(page, "All customers");
  const letGo = hold();
  try {
    await shareNow(page);
    // A page that is loaded again forgets this.
    await page.evaluate(() => document.documentElement.setAttribute("data-same-page", ""));
    await expect(page.locator(".run-state")).toContainText(/Sending to Beacon Mail|[Ww]aiting for Beacon Mail|Beacon Mail/);
    await expect(page.locator(".run-state .badge")).not.toContainText("Complete");
    await axe();
  } finally {
    letGo();
  }
  await runEnds(page);
  const { read, valid, sent } = await funnel(page);
  expect(read).toBe(20_000);
  expect(sent).toBe(valid);
  await expect(page.getByRole("heading", { name: "Receipt" })).toBeVisible();
  await expect(page.locator("html[data-same-page]")).toBeAttached();
  // The gap between two bars is the button, for the keyboard too.
  const gap = page.locator(".funnel > li", { hasText: "rejected before sending" });
  await expect(page.locator(".funnel > li", { hasText: "Read" }).locator("xpath=following-sibling::li[1]")).toContainText("rejected before sending");
  await gap.locator("summary").focus();
  await page.keyboard.press("Enter");
  await expect(gap.locator("tbody tr").first()).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(gap.locator("tbody tr").first()).toBeHidden();
});

test("a run that is paused rests until it is resumed", async ({ member: { page }, axe }) => {
  await ready(page, "All customers");
  const letGo = hold();
  try {
    await shareNow(page);
    await expect(page.locator(".run-state")).toContainText("Beacon Mail");
    await page.getByRole("button", { name: "Pause" }).click();
    await expect(page.locator(".run-state")).toContainText("Paused. It goes on when somebody resumes it.");
    await expect(page.locator(".run-state"), "is read out").toMatchAriaSnapshot("- status: /Paused\\. It goes on/");
    await expect(page.getByRole("button", { name: "Pause" })).toBeHidden();
    await axe();
  } finally {
    letGo();
  }
  await page.reload();
  await expect(page.locator(".run-state .badge")).not.toContainText("Complete");
  await page.getByRole("button", { name: "Resume" }).click();
  await runEnds(page);
});

test("what is under way stands in the list under that name", async ({ member: { page } }) => {
  await ready(page, "All customers");
  const letGo = hold();
  let run: string;
  try {
    run = await shareNow(page);
    await page.goto("/runs");
    await page.getByLabel("Status").selectOption({ label: "Under way" });
    await expect(page).toHaveURL(/state=under_way/);
    await expect(page.locator(`a[href="${run}"]`)).toBeVisible();
    await expect(page.getByRole("cell", { name: "Complete" })).toHaveCount(0);
  } finally {
    letGo();
  }
  await expect(page.getByText("Nothing is under way."), "the list follows").toBeVisible({ timeout: 60_000 });
  await page.goto(run);
  await runEnds(page);
});

test("nothing is asked for while the events come, and nothing after the end", async ({ member: { page } }) => {
  await ready(page, "High-value customers");
  const asked: string[] = [];
  page.on("request", (request) => void (request.url().endsWith("/api/run") && asked.push(request.url())));
  const run = await shareNow(page);
  await runEnds(page);
  // The page asked once, when it was opened.
  expect(asked.length).toBeLessThanOrEqual(1);

  await ready(page, "All customers");
  await page.route("**/events/runs/*", (route) => route.fulfill({ status: 204 }));
  const letGo = hold();
  try {
    await shareNow(page);
    const asks = asked.length;
    await expect.poll(() => asked.length, "without events the page asks").toBeGreaterThan(asks + 1);
  } finally {
    letGo();
  }
  await runEnds(page);
  const asks = asked.length;
  await expect(page.waitForRequest((request) => request.url().endsWith("/api/run"), { timeout: 5_000 })).rejects.toThrow();
  expect(asked.length).toBe(asks);
  expect(run).toMatch(/runs/);
});

test("a run says how fast it goes only from what was seen of it", async ({ member: { page } }) => {
  await ready(page, "All customers");
  const letGo = hold();
  try {
    await shareNow(page);
    await expect(page.locator(".run-state")).toContainText("Beacon Mail");
    // Beacon takes nothing: there is no pace to tell.
    await expect(page.locator(".run-pace")).toBeHidden();
  } finally {
    letGo();
  }
  await runEnds(page);
  await expect(page.locator(".run-pace")).toBeHidden();
  await expect(page.getByText(/rows a second/)).toBeVisible();
});

test("a run that may go well is tried again; one that would only fail again leads back to its share", async ({ member: { page } }) => {
  // Nobody is in this audience, which may be otherwise tomorrow.
  await shareToMap(page, "Asked to be forgotten", { segment: { existing: "Spring campaign" } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page, { mode: "Remove" });
  await shareNow(page);
  await expect(page.locator(".run-state .badge")).toHaveText("Failed");
  await expect(page.getByRole("button", { name: "Try again" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Share again" })).toBeHidden();

  await ready(page, "High-value customers");
  const config = join(running().folder, "beacon.toml");
  const before = readFileSync(config, "utf8");
  await stop("beacon");
  writeFileSync(config, before.replace(/^authentication_key = .*$/m, 'authentication_key = "another-key-than-usher-has"'));
  await startAgain("beacon");
  try {
    await shareNow(page);
    await expect(page.locator(".run-state .badge")).toHaveText("Failed");
  } finally {
    await stop("beacon");
    writeFileSync(config, before);
    await startAgain("beacon");
  }
  await expect(page.getByRole("button", { name: "Try again" })).toBeHidden();
  await page.getByRole("link", { name: "Share again" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Review" })).toBeVisible();
});

test("a run is called off", async ({ member: { page } }) => {
  await ready(page, "High-value customers");
  const letGo = hold();
  try {
    await shareNow(page);
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Cancel this run?" });
    await expect(dialog).toBeVisible();
    await dialog.getByRole("button", { name: "Let it run" }).click();
    await expect(dialog).toBeHidden();
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await dialog.getByRole("button", { name: "Cancel the run" }).click();
  } finally {
    letGo();
  }
  await expect(page.locator(".run-state .badge")).toHaveText("Canceled");
});

test("a run goes on after Usher was killed in the middle of it, and stands in the list", async ({ member: { page } }) => {
  await ready(page, "All customers");
  const letGo = hold();
  let run: string;
  try {
    run = await shareNow(page);
    await expect(page.locator(".run-state")).toContainText("Beacon Mail");
    await page.goto("about:blank").catch(() => undefined);
    await stop("usher", "SIGKILL");
  } finally {
    letGo();
  }
  await startAgain("usher");
  await page.goto(run);
  await programRuns(page);
  await runEnds(page);
  const before = await funnel(page);
  expect(before.read).toBe(20_000);
  expect(before.sent).toBe(before.valid);

  await page.goto("about:blank").catch(() => undefined);
  await stop("usher");
  await startAgain("usher");
  await page.goto("/runs");
  await page.locator(`a[href="${run}"]`).first().click();
  await runEnds(page);
  expect(await funnel(page)).toEqual(before);
});
