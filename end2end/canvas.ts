// How quick the mapping is with 200 x 200 fields, on a processor four times as slow: the time from an interaction to its next picture, and the time
// between pictures while lists scroll and a line is drawn. `npm run canvas`, on a release build of the site (`cargo xtask site --release`).

import { expect, type CDPSession, type Page } from "@playwright/test";
import { mapWide, startWide, type WideApplication } from "./support/wide.ts";
import { test } from "./support/test.ts";

const slowdown = Number(process.env.USHER_SLOWDOWN ?? 4);
/** An interaction is answered within so many milliseconds. */
const mostMilliseconds = 100;

interface Timing {
  what: string;
  milliseconds: number;
  detail?: string;
}

test("the canvas with 200 x 200 fields", async ({ page }) => {
  const wide = await startWide();
  try {
    const timings = await measured(page, wide);
    for (const { what, milliseconds, detail } of timings) console.log(`${milliseconds.toFixed(0).padStart(6)} ms  ${what}${detail === undefined ? "" : `  (${detail})`}`);
    for (const { what, milliseconds } of timings) expect.soft(milliseconds, what).toBeLessThanOrEqual(mostMilliseconds);
  } finally {
    wide.end();
  }
});

async function measured(page: Page, wide: WideApplication): Promise<Timing[]> {
  await page.addInitScript(() => {
    const entries: PerformanceEventTiming[] = [];
    new PerformanceObserver((list) => entries.push(...(list.getEntries() as PerformanceEventTiming[]))).observe({
      type: "event",
      durationThreshold: 16,
      buffered: true,
    } as PerformanceObserverInit);
    Object.assign(window, { entries });
  });
  await mapWide(page, wide);
  await page.reload();
  // Once the lists are as short as they are while nobody is at them; that takes a moment after the program has come.
  await expect.poll(() => page.locator("option").count(), { timeout: 60_000 }).toBeLessThan(2_000);

  const browser = await page.context().newCDPSession(page);
  await browser.send("Emulation.setCPUThrottlingRate", { rate: slowdown });
  const timings: Timing[] = [];
  const interaction = async (what: string, act: () => Promise<void>) => timings.push(await timed(page, what, act));

  await page.locator("#source-handle-3").focus();
  await interaction("pick a field up by key", () => page.keyboard.press("Enter"));
  await interaction("move on by key", () => page.keyboard.press("ArrowDown"));
  await interaction("put it down by key", () => page.keyboard.press("Enter"));
  await page.locator("#target-handle-9").focus();
  await interaction("go to a list by key", () => page.keyboard.press("Tab"));
  await interaction("choose from a list", () => page.keyboard.press("ArrowDown"));
  await interaction("accept all suggestions", await clicking(page, ".accept-all"));
  await page.locator("#source-of-9").focus();
  await interaction("choose from a list, all mapped", () => page.keyboard.press("ArrowDown"));
  await page.locator("#target-handle-9").focus();
  await interaction("undo", () => page.keyboard.press("Control+z"));
  await interaction("take a link away", () => page.keyboard.press("Delete"));
  await page.locator(".source-side .filter").focus();
  await interaction("type into the filter", () => page.keyboard.press("7"));
  await interaction("clear the filter", () => page.keyboard.press("Escape"));
  await interaction("next row that fails", await clicking(page, ".stepping button:has-text('Next that fails')"));

  timings.push(await frames(page, "scroll the destination, by frame", () => wheel(page, browser, "#target-list")));
  timings.push(await frames(page, "scroll the audience, by frame", () => wheel(page, browser, "#source-list")));
  await page.locator("#source-list").evaluate((list) => list.scrollTo(0, 0));
  await page.locator("#target-list").evaluate((list) => list.scrollTo(0, 0));
  timings.push(
    await frames(page, "draw a line, by frame", async () => {
      const box = await page.locator("#source-handle-1").boundingBox();
      if (box === null) throw new Error("no handle");
      await page.mouse.move(box.x + 14, box.y + 14);
      await page.mouse.down();
      for (let step = 0; step < 60; step += 1) await page.mouse.move(box.x + 14 + step * 8, box.y + 14 + step * 5);
      await page.keyboard.press("Escape");
      await page.mouse.up();
    }),
  );
  return timings;
}

/** The longest of the events of what is done, from the key or press to the next picture. */
async function timed(page: Page, what: string, act: () => Promise<void>): Promise<Timing> {
  await quiet(page);
  await page.evaluate(() => ((window as unknown as { entries: unknown[] }).entries.length = 0));
  await act();
  await quiet(page);
  const events = await page.evaluate(() =>
    (window as unknown as { entries: PerformanceEventTiming[] }).entries
      .filter((entry) => /^(key|pointer|click|input|change|mouse)/.test(entry.name) && !/over|out|enter|leave|move/.test(entry.name))
      .map((entry) => ({ name: entry.name, duration: entry.duration, work: entry.processingEnd - entry.processingStart })),
  );
  const longest = events.sort((one, other) => other.duration - one.duration)[0];
  return longest === undefined
    ? { what, milliseconds: 16 }
    : { what, milliseconds: longest.duration, detail: `${longest.name}, ${longest.work.toFixed(0)} ms of it at work` };
}

/** The 95th percentile of the time between two pictures while something goes on. */
async function frames(page: Page, what: string, act: () => Promise<void>): Promise<Timing> {
  await quiet(page);
  await page.evaluate(() => {
    const state = { times: [] as number[], goesOn: true };
    Object.assign(window, { frameState: state });
    const note = (time: number) => {
      state.times.push(time);
      if (state.goesOn) requestAnimationFrame(note);
    };
    requestAnimationFrame(note);
  });
  await act();
  const times = await page.evaluate(() => {
    const state = (window as unknown as { frameState: { times: number[]; goesOn: boolean } }).frameState;
    state.goesOn = false;
    return state.times;
  });
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time)).sort((one, other) => one - other);
  const at = (part: number) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * part))] ?? 0;
  return { what, milliseconds: at(0.95), detail: `median ${at(0.5).toFixed(1)}, longest ${at(1).toFixed(0)}, ${gaps.length} frames` };
}

async function wheel(page: Page, browser: CDPSession, list: string): Promise<void> {
  const box = await page.locator(list).boundingBox();
  if (box === null) throw new Error("no list");
  const [x, y] = [box.x + box.width / 2, Math.min(box.y + 200, 600)];
  for (let step = 0; step < 50; step += 1) {
    await browser.send("Input.dispatchMouseEvent", { type: "mouseWheel", x, y, deltaX: 0, deltaY: 60 });
  }
}

/** A click on what is found now: Playwright looks at all of the page before a click of its own, which would be measured as well. */
async function clicking(page: Page, selector: string): Promise<() => Promise<void>> {
  const element = page.locator(selector);
  await element.scrollIntoViewIfNeeded();
  const box = await element.boundingBox();
  if (box === null) throw new Error(`${selector} is not there`);
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  return () => page.mouse.click(x, y);
}

/** Waits until some pictures have come and saving is done, in the page itself: to ask it by roles from outside takes a second when it is four times as slow. */
async function quiet(page: Page): Promise<void> {
  await page.evaluate(
    () =>
      new Promise<void>((done) => {
        const isSaved = () => document.querySelector(".mapping-bar .saved")?.textContent.trim() === "Saved";
        const look = () => (isSaved() ? requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))) : setTimeout(look, 100));
        setTimeout(look, 300);
      }),
  );
}
