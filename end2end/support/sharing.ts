// The way from an audience to its run, through the pages.

import { expect, type APIResponse, type Locator, type Page } from "@playwright/test";
import { randomUUID } from "node:crypto";

/** Where a share goes. */
export interface Choice {
  segment: { new: string } | { existing: string };
}

/** How its segment is changed; what is not said stays as it is proposed. */
export interface Handling {
  mode?: "Add" | "Replace" | "Remove" | "Mirror";
  /** In percent. */
  limit?: string;
  duplicates?: "keep" | "last" | "first";
}

/** A segment's name that no other test has. */
export function newSegment(about: string): string {
  return `${about} ${randomUUID().slice(0, 6)}`;
}

/** Finds an audience and presses Share; ends on the choice of a destination. */
export async function beginShare(page: Page, audience: string): Promise<void> {
  await page.goto(`/audiences?q=${encodeURIComponent(audience)}`);
  await page.getByRole("link", { name: audience, exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: audience })).toBeVisible();
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Destination" })).toBeVisible();
}

/** Chooses Beacon Mail; ends on the mapping. */
export async function chooseDestination(page: Page, { segment }: Choice): Promise<void> {
  await page.getByRole("radio", { name: /Beacon Mail/ }).check();
  if ("new" in segment) {
    await page.getByRole("radio", { name: /A new segment/ }).check();
    await page.getByLabel("Name of the new segment").fill(segment.new);
  } else {
    await page.getByRole("radio", { name: /A segment that it has/ }).check();
    const existing = page.getByLabel("Existing segment");
    // The number of members stands behind the name.
    const option = existing.locator("option", { hasText: segment.existing });
    await existing.selectOption((await option.getAttribute("value")) ?? "");
  }
  await page.getByRole("button", { name: "Continue to the mapping" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Mapping" })).toBeVisible();
}

/** A share that stands before its mapping; gives the path of the mapping's page, which is shown. For tests of what comes after: the forms are sent as
 * without the pages' program, without a page. The way through the pages is `beginShare` and `chooseDestination`. */
export async function shareToMap(page: Page, audience: string, { segment }: Choice): Promise<string> {
  const found = await read(page, `/audiences?q=${encodeURIComponent(audience)}`);
  const audienceId = valueIn(found, new RegExp(`href="/audiences/([^"/]+)"[^>]*>${audience}<`));
  const destination = await send(page, "start_share", { audience_id: audienceId });
  const choices = plain(await destination.text());
  const endpoint = valueIn(choices, /<input(?=[^>]*name="endpoint_id")[^>]*value="([^"]+)"[^>]*>(?:(?!<input).)*?Beacon Mail/s);
  const chosen = { share_id: valueIn(choices, /name="share_id" value="([^"]+)"/), endpoint_id: endpoint };
  let segmentChosen: Record<string, string>;
  if ("new" in segment) {
    segmentChosen = { segment_choice: "new", segment_name: segment.new };
  } else {
    const segments = await read(page, `${new URL(destination.url()).pathname}?endpoint=${endpoint}`);
    segmentChosen = { segment_choice: "existing", segment_id: valueIn(segments, new RegExp(`<option[^>]*value="([^"]+)"[^>]*>[^<]*${segment.existing}`)) };
  }
  const mapping = await send(page, "choose_destination", { ...chosen, ...segmentChosen });
  const path = new URL(mapping.url()).pathname;
  await page.goto(path);
  await expect(page.getByRole("heading", { level: 1, name: "Mapping" })).toBeVisible();
  return path;
}

/** A page's HTML, without what marks the words that were searched for, and where views begin. */
async function read(page: Page, path: string): Promise<string> {
  return plain(await (await page.request.get(path)).text());
}

function plain(html: string): string {
  return html.replace(/<\/?mark>|<!(?:--.*?--)?>/g, "");
}

/** Sends a form; gives the page that it leads to. */
async function send(page: Page, form: string, values: Record<string, string>): Promise<APIResponse> {
  const answer = await page.request.post(`/api/${form}`, { form: values, headers: { accept: "text/html" } });
  expect(answer.ok(), `${form} leads to a page`).toBe(true);
  return answer;
}

function valueIn(html: string, pattern: RegExp): string {
  const found = pattern.exec(html)?.[1];
  if (found === undefined) throw new Error(`${String(pattern)} is not in the page`);
  return found;
}

/** The select that says what feeds a field of the destination. */
export function sourceOf(page: Page, target: string): Locator {
  return page.getByLabel(`Source of ${target}`, { exact: true });
}

/** Adds a step to the link of a row whose steps are shown. */
export async function addStep(row: Locator, step: string): Promise<void> {
  await row.getByLabel("Add a step", { exact: true }).selectOption({ label: step });
  await row.getByRole("button", { name: /^Add the step for/ }).click();
}

/** The row of a field of the destination. */
export function targetRow(page: Page, name: string): Locator {
  return page.locator(`#field-${name}`);
}

/** Goes on from the mapping to "When and how". */
export async function toWhen(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Continue", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "When and how" })).toBeVisible();
}

/** Goes on from the mapping over "When and how" to the review. */
export async function toReview(page: Page, { mode, limit, duplicates }: Handling = {}): Promise<void> {
  await toWhen(page);
  if (mode !== undefined) await page.getByRole("radio", { name: new RegExp(`^${mode}`) }).check();
  if (duplicates !== undefined) await page.getByLabel("Rows of the same person").selectOption(duplicates);
  if (limit !== undefined) await page.getByLabel("Hold for approval").fill(limit);
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Review" })).toBeVisible();
}

/** Confirms what the review warns of, and shares; gives the path of the run's page, which is shown. */
export async function shareNow(page: Page): Promise<string> {
  for (const box of await page.locator(".confirming input[type=checkbox]").all()) await box.check();
  await page.getByRole("button", { name: "Share now" }).click();
  await expect(page).toHaveURL(/\/runs\/[^/]+$/);
  await expect(page.getByRole("heading", { level: 1, name: /^Run of/ })).toBeVisible();
  return new URL(page.url()).pathname;
}

/** Waits until the run that is shown has ended well. */
export async function runEnds(page: Page): Promise<void> {
  await runReaches(page, /Complete/);
}

/** Waits until the run that is shown says so. */
export async function runReaches(page: Page, words: string | RegExp): Promise<void> {
  const state = page.locator(".run-state .badge");
  const scripts = await page.locator("html[data-hydrated]").count();
  await expect(async () => {
    // Without the page's program a person refreshes.
    if (scripts === 0) await page.reload();
    await expect(state).toHaveText(words, { timeout: scripts === 0 ? 500 : 45_000 });
  }).toPass({ timeout: 60_000 });
}

/** What a run's funnel says. */
export interface Funnel {
  declared: number;
  read: number;
  valid: number;
  sent: number;
  acknowledged: number;
}

/** Reads the funnel of the run that is shown. */
export async function funnel(page: Page): Promise<Funnel> {
  const number = async (name: string) => {
    const row = page.locator(".funnel-row", { has: page.getByText(name, { exact: true }) });
    return Number(((await row.locator(".count").textContent()) ?? "").replaceAll(/\D/g, ""));
  };
  return {
    declared: await number("Declared"),
    read: await number("Read"),
    valid: await number("Valid"),
    sent: await number("Sent"),
    acknowledged: await number("Acknowledged"),
  };
}

/** How many members a segment of Beacon Mail has, as the choice of a destination says. */
export async function membersOf(page: Page, segment: string): Promise<number> {
  await beginShare(page, "All customers");
  await page.getByRole("radio", { name: /Beacon Mail/ }).check();
  const text = (await page.getByLabel("Existing segment").locator("option", { hasText: segment }).textContent()) ?? "";
  return Number(/\(([\d\s\u202f\u00a0]+)member/.exec(text)?.[1]?.replaceAll(/\D/g, "") ?? Number.NaN);
}

/** Downloads what a link leads to; gives its text and its proposed name. */
export async function download(page: Page, link: Locator): Promise<{ name: string; text: string }> {
  const begun = page.waitForEvent("download");
  await link.click();
  const file = await begun;
  const parts: Buffer[] = [];
  for await (const part of await file.createReadStream()) parts.push(part as Buffer);
  return { name: file.suggestedFilename(), text: Buffer.concat(parts).toString("utf8") };
}

/** Lets a share that has run before run by itself, every day at these times; ends on its page. */
export async function scheduleDaily(page: Page, share: string, times: string): Promise<void> {
  await page.goto(`${share}/when`);
  await page.getByRole("radio", { name: /^Again and again/ }).check();
  await page.getByLabel("Times of day").fill(times);
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Review" })).toBeVisible();
  await page.goto(share);
  await expect(page.getByText("On schedule")).toBeVisible();
}
