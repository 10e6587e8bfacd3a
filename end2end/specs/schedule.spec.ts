// The kinds of schedules as they are filled in, and the calendar: looking, dragging, the keyboard, filters, its address.

import { expect, test } from "../support/test.ts";
import { connectDemo } from "../support/people.ts";
import { download, newSegment, runEnds, scheduleDaily, shareNow, shareToMap, sourceOf, toReview, toWhen } from "../support/sharing.ts";

test("every kind of schedule is said back with its next runs while it is filled in", async ({ member: { page }, axe }) => {
  await shareToMap(page, "All customers", { segment: { new: newSegment("Kinds") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toWhen(page);
  const timing = page.getByRole("group", { name: "When", exact: true });
  const says = async (words: string | RegExp) => expect(timing.locator(".schedule-preview")).toContainText(words);
  const rows = timing.getByRole("table").getByRole("row");

  await timing.getByRole("radio", { name: /^Once/ }).check();
  await page.locator("#once_day").fill("2030-07-01");
  await page.locator("#once_time").fill("08:15");
  await says("Once, on Monday 1 July 2030 at 08:15");
  await expect(rows).toHaveCount(2);

  await timing.getByRole("radio", { name: /^Again and again/ }).check();
  await page.getByLabel("Every", { exact: true }).fill("45");
  await page.getByLabel("Of what").selectOption("minutes");
  await says("Every 45 minutes");
  await says("Runs are 45 minutes apart, over midnight and over changes of the clocks too.");
  await expect(rows).toHaveCount(11);
  await expect(page.getByLabel("Times of day")).toBeHidden();
  await page.getByLabel("Every", { exact: true }).fill("2");
  await says("Runs of a share are at least 5 minutes apart here.");

  await page.getByLabel("Of what").selectOption("hours");
  await says(/^Every 2 hours/);

  await page.getByLabel("Of what").selectOption("weeks");
  await timing.getByRole("checkbox", { name: "Thursday" }).check();
  await says(/Every 2 weeks on Monday and Thursday at 09:00/);
  await page.getByLabel("Of what").selectOption("months");
  await page.locator("#month_day").fill("31");
  await says(/Every 2 months on the 31st at 09:00/);
  await says(/passed over/);
  await page.getByLabel("In the month").selectOption("last");
  await says(/Every 2 months on the last day at 09:00/);
  await page.getByLabel("In the month").selectOption("weekday");
  await page.getByLabel("Which", { exact: true }).selectOption("second");
  await page.getByLabel("Day of the week").selectOption("Tuesday");
  await says(/Every 2 months on the second Tuesday at 09:00/);
  await page.getByLabel("Ends", { exact: true }).selectOption("After a number of runs");
  await page.getByLabel("Number of runs").fill("3");
  await says(/3 times/);
  await expect(rows).toHaveCount(4);

  await page.getByLabel("Of what").selectOption("days");
  await page.getByLabel("Every", { exact: true }).fill("1");
  await page.getByLabel("From", { exact: true }).fill("2031-07-01");
  await page.getByLabel("Ends", { exact: true }).selectOption("After a day");
  await page.getByLabel("Last day").fill("2031-07-02");
  await page.getByLabel("Times of day").fill("08:00, 12:30, 20:15");
  await says(/Every day at 08:00, 12:30 and 20:15, from Tuesday 1 July 2031, until Wednesday 2 July 2031 inclusive/);
  await expect(rows, "the last day belongs to it").toHaveCount(7);
  await page.getByLabel("From", { exact: true }).fill("");
  await page.getByLabel("Ends", { exact: true }).selectOption("Never");
  await page.getByLabel("Times of day").fill("02:30");
  await page.getByLabel("Time zone").fill("Europe/Berlin");
  await says(/02:30 does not exist on Sunday \d+ March \d+, when the clocks go forward: it runs at 03:00\./);
  await expect(timing.getByRole("columnheader", { name: /Your time \(Europe\/Lisbon\)/ })).toBeVisible();

  await timing.getByRole("radio", { name: /^By a cron expression/ }).check();
  await page.getByRole("textbox", { name: "Cron expression" }).fill("30 2 * * 1-5");
  await says("By the cron expression “30 2 * * 1-5”");
  await page.getByRole("textbox", { name: "Cron expression" }).fill("often");
  await says("This is no cron expression of five fields");
  await axe();

  await timing.getByRole("radio", { name: /^When somebody shares it/ }).check();
  await expect(page.getByLabel("Time zone")).toBeHidden();
  await expect(timing.getByRole("table")).toHaveCount(0);
});

test("a share runs by itself each time that another one has ended well", async ({ newcomer: { page }, axe }) => {
  test.slow();
  await connectDemo(page);
  const first = await shareToMap(page, "High-value customers", { segment: { new: newSegment("First") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  await shareNow(page);
  await runEnds(page);

  await shareToMap(page, "All customers", { segment: { new: newSegment("Second") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toWhen(page);
  const timing = page.getByRole("group", { name: "When", exact: true });
  await timing.getByRole("radio", { name: /^Again and again/ }).check();
  await page.getByLabel("Depends on").selectOption({ label: "High-value customers to Beacon Mail" });
  await expect(timing.locator(".schedule-preview")).toContainText(
    "Each run waits until one of “High-value customers to Beacon Mail” has ended well since the run before.",
  );
  await axe();
  await page.getByLabel("Depends on").selectOption("No other share");
  await timing.getByRole("radio", { name: /^After another share/ }).check();
  await page.getByLabel("After which share").selectOption({ label: "High-value customers to Beacon Mail" });
  await expect(timing.locator(".schedule-preview")).toContainText(/High-value customers/);
  await axe();
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await expect(page.getByRole("region", { name: "What happens" })).toContainText(/High-value customers/);
  await page.getByRole("button", { name: "Start the schedule" }).click();
  await expect(page.getByRole("region", { name: "Schedule" })).toContainText("On schedule");
  const second = new URL(page.url()).pathname;

  await page.goto(first.replace("/mapping", "/review"));
  await shareNow(page);
  await runEnds(page);
  await expect(page.getByText("These are rows delivered, not people matched")).toBeVisible();
  await expect(async () => {
    await page.goto(second);
    await expect(page.getByRole("region", { name: "Schedule" }).getByRole("link", { name: "Ran" })).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 30_000 });
  await page.getByRole("region", { name: "Schedule" }).getByRole("link", { name: "Ran" }).click();
  await expect(page.getByText("Started by the schedule: a run of the share before it has ended well.")).toBeVisible();
  await runEnds(page);
});

test("the calendar shows runs and plans; one is moved by dragging, another from the keyboard, and its address is read and ended", async ({ newcomer: { page }, axe, request, expectComplaint }) => {
  test.slow();
  expectComplaint(/change_schedule|status of 409/);
  const { beacon } = await connectDemo(page);
  const mapping = await shareToMap(page, "High-value customers", { segment: { new: newSegment("Calendar") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  await shareNow(page);
  await runEnds(page);
  const share = mapping.replace("/mapping", "");
  await scheduleDaily(page, share, "23:50");

  // Two whole weeks of next month: every day has its run.
  const month = new Date();
  const day = (number: number) => new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, number)).toISOString().slice(0, 10);
  await page.goto(`/schedule?day=${day(1)}`);
  const on = (number: number) => page.locator(`.day[data-day="${day(number)}"]`);
  const entry = (number: number) => on(number).getByRole("link", { name: /High-value customers/ });
  await expect(entry(10)).toHaveCount(1);
  await axe();
  await entry(10).dragTo(on(12).getByRole("heading"));
  await expect(entry(12)).toHaveCount(2);
  await expect(entry(10)).toHaveCount(0);
  await expect(entry(12).filter({ hasText: "Moved" })).toHaveCount(1);

  await entry(17).focus();
  await page.keyboard.press("Space");
  await expect(page.getByRole("status").filter({ hasText: "is picked up" })).toBeAttached();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await expect(entry(18)).toHaveCount(2);
  await expect(entry(17)).toHaveCount(0);
  await entry(20).focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Escape");
  await expect(entry(20)).toHaveCount(1);

  // What did not reach Usher was not moved, and is not said to be.
  await page.route("**/api/change_schedule", (route) => route.abort());
  await entry(20).focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("could not be reached");
  await expect(page.getByRole("status").filter({ hasText: /is moved|was moved/ })).toHaveCount(0);
  await expect(entry(20)).toHaveCount(1);
  await page.unroute("**/api/change_schedule");

  // The occurrence's own page does the same with a form.
  await entry(12).filter({ hasText: "Moved" }).click();
  await expect(page.getByRole("heading", { level: 1, name: /High-value customers to Beacon Mail/ })).toBeVisible();
  await page.getByRole("button", { name: "Let it come as planned" }).click();
  await expect(page.getByText("The run comes as it was planned.")).toBeVisible();
  await page.getByLabel("Day").fill(day(11));
  await page.getByLabel("Time").fill("07:05");
  await page.getByRole("button", { name: "Move", exact: true }).click();
  await expect(page.getByText(/Moved from/)).toBeVisible();
  await page.getByRole("button", { name: "Skip this run" }).click();
  await expect(page.getByText(/Skipped by/)).toBeVisible();
  await axe();
  const occurrence = new URL(page.url()).pathname;
  await page.goto(beacon);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await expect(page.getByText(/Paused by/)).toBeVisible();
  await page.goto(occurrence);
  await page.getByRole("button", { name: "Run now as well" }).click();
  await expect(page.getByRole("alert")).toContainText("was paused by");
  await page.goto(beacon);
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await expect(page.getByRole("button", { name: "Pause", exact: true })).toBeVisible();

  await page.goto("/schedule?view=agenda");
  await expect(page.getByText("Complete").first()).toBeVisible();
  await axe();
  await page.goto("/schedule?view=week&outcome=planned");
  await expect(page.locator(".entry.good")).toHaveCount(0);
  await axe();

  await page.goto("/schedule");
  const file = await download(page, page.getByRole("button", { name: "Make an address" }));
  const answer = await request.get(file.text.trim());
  expect(answer.status()).toBe(200);
  expect(await answer.text()).toContain("BEGIN:VCALENDAR");
  await page.getByRole("button", { name: "End the address" }).click();
  await expect(page.getByRole("button", { name: "Make an address" })).toBeVisible();
  expect((await request.get(file.text.trim())).status()).toBe(404);

  await page.getByRole("button", { name: "Pause all schedules" }).click();
  await expect(page.getByText(/All schedules are paused by/)).toBeVisible();
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByText(/All schedules are paused by/)).toHaveCount(0);
});
