// The list of runs and what stands beside a run: narrowed, compared, accounted for part by part; with the page's program and without.

import { expect, test } from "../support/test.ts";
import { connectDemo } from "../support/people.ts";
import { download, newSegment, runEnds, shareNow, shareToMap, sourceOf, toReview } from "../support/sharing.ts";

test("runs are narrowed, compared with the one before, and accounted for by part and reason", async ({ newcomer: { page }, axe, javaScriptEnabled }) => {
  await connectDemo(page);
  await page.goto("/runs");
  await expect(page.getByText("Nothing has run yet.")).toBeVisible();
  await shareToMap(page, "All customers", { segment: { new: newSegment("Compared") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  const first = await shareNow(page);
  await runEnds(page);
  await page.getByRole("link", { name: "Open the share" }).click();
  await page.getByRole("button", { name: "Share again now" }).click();
  await expect(page).toHaveURL((url) => url.pathname.startsWith("/runs/") && url.pathname !== first);
  await runEnds(page);
  const second = new URL(page.url()).pathname;

  const compared = page.getByRole("region", { name: "Compared with the run before" });
  await expect(compared.getByRole("row", { name: /^Read/ })).toContainText("the same");
  await expect(compared.getByRole("link", { name: "The run before" })).toHaveAttribute("href", first);
  const parts = page.getByRole("region", { name: "Parts" });
  await parts.getByText(/parts, with what the destination answered/).click();
  await expect(parts.getByRole("row", { name: /^1 / })).toContainText(/Took 2.000.rows/);
  await page.getByText("rejected before sending").click();
  const reason = page.locator(".gap").first().getByRole("row").nth(1);
  await expect(reason).toBeVisible();
  await axe();
  const rows = reason.getByRole("link", { name: /^Download the rows/ });
  const wanted = new URL((await rows.getAttribute("href")) ?? "", page.url()).searchParams;
  const some = await download(page, rows);
  const all = await download(page, page.getByRole("link", { name: "Download rejects" }));
  const lines = (text: string) => text.trim().split("\r\n").slice(1);
  expect(lines(some.text).length).toBeGreaterThan(0);
  expect(lines(some.text).every((line) => line.includes(`,${wanted.get("code")},`))).toBe(true);
  expect(lines(some.text).length).toBe(lines(all.text).filter((line) => line.includes(`,${wanted.get("code")},${wanted.get("field")},`)).length);

  const choose = async (label: string, option: string | RegExp) => {
    const select = page.getByLabel(label, { exact: true });
    const value = await select.locator("option", { hasText: option }).first().getAttribute("value");
    await select.selectOption(value ?? "");
    if (!javaScriptEnabled) await page.getByRole("button", { name: "Search", exact: true }).click();
  };
  await page.goto("/runs");
  await expect(page.getByText("2\u00a0runs")).toBeVisible();
  await choose("Status", "Failed");
  await expect(page.getByText("No run matches.")).toBeVisible();
  await page.getByRole("link", { name: "Show all runs" }).first().click();
  await expect(page.getByText("2\u00a0runs")).toBeVisible();
  await choose("Endpoint", "Beacon Mail");
  await expect(page).toHaveURL(/endpoint=ep_/);
  await choose("Share", /All customers to Beacon Mail/);
  await expect(page).toHaveURL(/endpoint=ep_.*|share=shr_/);
  await choose("Asked for", "Last 24 hours");
  await expect(page).toHaveURL(/within=24/);
  await expect(page.getByText("2\u00a0runs")).toBeVisible();
  await expect(page.locator(`a[href="${second}"]`)).toBeVisible();
  await axe();

  await page.goto("/");
  await expect(page.getByRole("region", { name: "How fresh destinations are" }).getByRole("row", { name: /Beacon Mail/ })).toContainText("All customers");
  await expect(page.getByRole("region", { name: "How audiences move" }).getByRole("row", { name: /All customers/ })).toContainText("0.0\u00a0%");
  await axe();
});
