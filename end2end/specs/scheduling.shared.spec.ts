// Saying when a share runs, and starting it: with the page's program and without.

import { expect, test } from "../support/test.ts";
import { newSegment, shareToMap, sourceOf, toWhen } from "../support/sharing.ts";

test("a share is given a schedule, which is said back, started, skipped once, paused and resumed", async ({ member: { page }, javaScriptEnabled, axe, expectComplaint }) => {
  expectComplaint(/422 .*save_when/);
  const mapping = await shareToMap(page, "All customers", { segment: { new: newSegment("By itself") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  if (!javaScriptEnabled) await page.getByRole("button", { name: "Save", exact: true }).last().click();
  await toWhen(page);
  const timing = page.getByRole("group", { name: "When", exact: true });
  const look = async () => {
    if (!javaScriptEnabled) await page.getByRole("button", { name: "See the next runs" }).click();
  };
  await expect(page.getByLabel("Times of day")).toBeHidden();
  await timing.getByRole("radio", { name: /^Again and again/ }).check();
  await page.getByLabel("Times of day").fill("2:30, 17:00");
  await page.getByLabel("Time zone").fill("Europe/Berlin");
  await page.getByLabel("From", { exact: true }).fill("2030-03-29");
  await look();
  await expect(timing).toContainText("Every day at 02:30 and 17:00, from Friday 29 March 2030; Europe/Berlin time.");
  await expect(timing.getByRole("table").getByRole("row")).toHaveCount(11);
  await axe();

  // What is wrong is said at its input, and everything else stays.
  await page.getByLabel("Times of day").fill("25:00");
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await expect(page.locator("#times-problem")).toHaveText(/Enter times of day/);
  await expect(page.getByLabel("Times of day")).toHaveValue("25:00");
  await expect(page.getByLabel("Time zone")).toHaveValue("Europe/Berlin");
  await page.getByLabel("Times of day").fill("02:30");
  await page.getByLabel("From", { exact: true }).fill("");
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Review" })).toBeVisible();
  await expect(page.getByRole("region", { name: "What happens" })).toContainText("Every day at 02:30");
  await axe();

  await page.getByRole("button", { name: "Start the schedule" }).click();
  await expect(page).toHaveURL(new RegExp(`${mapping.replace("/mapping", "")}$`));
  const schedule = page.getByRole("region", { name: "Schedule" });
  await expect(schedule).toContainText("On schedule");
  await schedule.getByRole("button", { name: "Skip the next run" }).click();
  await expect(schedule.getByRole("listitem").first()).toContainText("Skipped by");
  await axe();
  await schedule.getByRole("button", { name: "Pause" }).click();
  await expect(schedule).toContainText("Paused by");
  await schedule.getByRole("button", { name: "Resume" }).click();
  await expect(schedule).toContainText("On schedule");
});

test("a blackout is added, and holidays are read from a calendar file", async ({ newcomer: { page }, axe, expectComplaint }) => {
  expectComplaint(/422 .*add_blackout/);
  await page.goto("/schedule/blackouts");
  await expect(page.getByText("There is no blackout")).toBeVisible();
  await page.getByRole("radio", { name: "In every week" }).check();
  await page.getByLabel("What it is for").fill("Nights");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByText("Choose at least one day of the week.").first()).toBeVisible();
  await expect(page.getByLabel("What it is for")).toHaveValue("Nights");
  await page.getByRole("checkbox", { name: "Saturday" }).check();
  await page.getByLabel("Time zone").fill("Nowhere");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByRole("alert").filter({ hasText: "needs mending" })).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Saturday" })).toBeChecked();
  await page.getByLabel("From", { exact: true }).fill("22:00");
  await page.getByLabel("Until").fill("06:00");
  await page.getByLabel("Time zone").fill("Europe/Lisbon");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByText("“Nights” was added.")).toBeVisible();
  await expect(page.getByRole("row", { name: /Nights/ })).toContainText("Every Saturday, 22:00 to 06:00 (Europe/Lisbon)");
  const file = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Test//EN", "BEGIN:VEVENT", "UID:1", "DTSTAMP:20260101T000000Z", "DTSTART;VALUE=DATE:20301225", "DTEND;VALUE=DATE:20301227", "SUMMARY:Christmas", "END:VEVENT", "END:VCALENDAR", ""].join("\r\n");
  await page.locator("#file").setInputFiles({ name: "holidays.ics", mimeType: "text/calendar", buffer: Buffer.from(file) });
  await page.getByRole("button", { name: "Add its events" }).click();
  await expect(page.getByText("One blackout was added.")).toBeVisible();
  await expect(page.getByRole("row", { name: /Christmas/ })).toContainText("25 December 2030 to Thursday 26 December 2030");
  await axe();
  await page.getByRole("button", { name: "Remove Nights" }).click();
  await expect(page.getByText("The blackout was removed.")).toBeVisible();
  await expect(page.getByRole("row", { name: /Nights/ })).toHaveCount(0);
});
