// Somebody who may only look: every page says who can do more, and has nothing to press that would be refused.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "../support/test.ts";
import { running } from "../support/installation.ts";
import { connectDemo } from "../support/people.ts";
import { newSegment, runEnds, shareNow, shareToMap, sourceOf, toReview } from "../support/sharing.ts";

test("a viewer sees everything, can change nothing, and is told who can", async ({ newcomer: { page, person }, axe }) => {
  const { harbor } = await connectDemo(page);
  const mapping = await shareToMap(page, "High-value customers", { segment: { new: newSegment("Seen") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  const run = await shareNow(page);
  await runEnds(page);
  const share = mapping.replace("/mapping", "");
  await page.goto("/audiences?q=high");
  const audience = (await page.getByRole("link", { name: "High-value customers" }).getAttribute("href")) ?? "";

  // There is no page for this yet.
  const database = join(running().folder, "usher.db");
  execFileSync("sqlite3", ["-cmd", ".timeout 5000", database, `update membership set role = 'viewer' where user_id = (select id from app_user where email = '${person.email}')`]);

  const pages: [path: string, heading: RegExp, absent: string[]][] = [
    [audience, /High-value customers/, ["Share"]],
    [share, /High-value customers to Beacon Mail/, ["Share again now", "Discard draft", "Share again like this", "Delete it for good"]],
    [`${share}/destination`, /Destination/, ["Continue to the mapping"]],
    [mapping, /Mapping/, ["Continue", "Undo", "Save"]],
    [`${share}/audience`, /Audience/, ["Choose"]],
    [`${share}/versions`, /Versions/, ["Restore version 1"]],
    [`${share}/templates`, /Templates/, ["Keep it"]],
    [`${share}/changes`, /What changed/, ["Accept what is ticked"]],
    ["/templates", /Templates/, ["Rename"]],
    [`${share}/when`, /When and how/, ["Continue to the review"]],
    [`${share}/review`, /Review/, ["Share now"]],
    [run, /Run of/, ["Cancel", "Try again"]],
    [harbor, /Harbor CRM/, ["Check now"]],
  ];
  for (const [path, heading, absent] of pages) {
    await test.step(path, async () => {
      await page.goto(path);
      await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
      await expect(page.getByText(/(a|ask an) (member|admin)( or an admin)? of (this|your) account/i).first()).toBeVisible();
      for (const name of absent) await expect(page.getByRole("button", { name, exact: true })).toHaveCount(0);
      const controls = page.locator("main :is(select, input:not([type=hidden]), textarea):visible:enabled");
      await expect(controls, "nothing can be filled in, but filters").toHaveCount(await page.locator("main [type=search]:visible:enabled").count());
      await axe();
    });
  }
  for (const [path, heading] of [["/", "Home"], ["/shares", "Shares"]] as const) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
    await expect(page.getByRole("link", { name: "Share an audience" })).toHaveCount(0);
  }
  await page.goto(mapping);
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
  await expect(sourceOf(page, "E-mail address")).toBeDisabled();
});
