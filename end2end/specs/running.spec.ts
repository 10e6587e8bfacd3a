// A run on its page: live, held up, after a restart of Usher.

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
    await expect(page.locator(".going-on")).toContainText(/Sending to Beacon Mail|[Ww]aiting for Beacon Mail|Beacon Mail/);
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
  const summary = page.locator("details.gap summary").first();
  await summary.click();
  await expect(page.locator("details.gap[open] tbody tr").first()).toBeVisible();
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
    await expect(page.locator(".going-on")).toContainText("Beacon Mail");
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
