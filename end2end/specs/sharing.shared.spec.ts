// The main job, from an audience to its receipt: with the page's program and without.

import { expect, test } from "../support/test.ts";
import { beginShare, chooseDestination, download, funnel, membersOf, newSegment, runEnds, runReaches, shareNow, shareToMap, sourceOf, toReview, toWhen } from "../support/sharing.ts";

test("an audience is shared into a new segment, and every row is accounted for", async ({ member: { page }, javaScriptEnabled, axe }) => {
  const segment = newSegment("Whole way");
  await shareToMap(page, "All customers", { segment: { new: segment } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await sourceOf(page, "Mobile number").selectOption({ label: "Phone" });
  await sourceOf(page, "Given name").selectOption({ label: "First name" });
  if (!javaScriptEnabled) {
    await page.getByRole("button", { name: "Save", exact: true }).last().click();
    await expect(page.getByRole("status").filter({ hasText: /^Saved\.$/ })).toBeVisible();
    await expect(sourceOf(page, "Given name")).toHaveValue("first_name");
  }
  await toReview(page);
  const happens = page.getByRole("region", { name: "What happens" });
  await expect(happens).toContainText(segment);
  await expect(happens).toContainText("Beacon Mail");
  await expect(happens).toContainText(/20.000 people/);
  await expect(page.getByRole("row", { name: /E-mail.*E-mail address/ })).toBeVisible();
  await axe();

  const run = await shareNow(page);
  await runEnds(page);
  const { declared, read, valid, sent, acknowledged } = await funnel(page);
  expect(declared).toBe(20_000);
  expect(read).toBe(20_000);
  expect(valid).toBeLessThan(read);
  expect(valid).toBeGreaterThan(read / 2);
  expect(sent).toBe(valid);
  expect(acknowledged).toBeLessThanOrEqual(sent);
  await expect(page.getByText("rejected before sending")).toBeVisible();
  await axe();

  const rejects = await download(page, page.getByRole("link", { name: "Download rejects" }));
  expect(rejects.name).toMatch(/\.csv$/);
  const header = rejects.text.split(/\r?\n/, 1)[0] ?? "";
  expect(header).toContain("email");
  expect(header).toMatch(/reason/);
  expect(header).toMatch(/code/);
  expect(header).toMatch(/line/);

  const receipt = await download(page, page.getByRole("link", { name: "Download the receipt" }));
  const { counts, left_out: leftOut, sha256 } = JSON.parse(receipt.text) as {
    counts: Record<"declared" | "read" | "valid" | "rejected" | "sent" | "acknowledged" | "refused", number>;
    left_out: { rows: number }[];
    sha256: string;
  };
  expect(counts).toMatchObject({ declared, read, valid, sent, acknowledged });
  expect(counts.valid + counts.rejected).toBe(counts.read);
  expect(counts.acknowledged + counts.refused).toBe(counts.sent);
  expect(leftOut.reduce((sum, group) => sum + group.rows, 0)).toBe(counts.rejected + counts.refused);
  await expect(page.getByText(sha256)).toBeVisible();

  await page.goto(`/runs?q=${encodeURIComponent(segment)}`);
  const row = page.getByRole("row", { name: new RegExp(segment) });
  await expect(row).toContainText("Complete with rejects");
  await expect(row.getByRole("link")).toHaveAttribute("href", run);
  await axe();
});

test("a segment is replaced, and then emptied by removing", async ({ member: { page }, axe, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  const segment = newSegment("Replaced");
  const share = async (audience: string, mode: "Add" | "Replace" | "Remove", limit?: string) => {
    const choice = mode === "Add" ? { new: segment } : { existing: segment };
    await shareToMap(page, audience, { segment: choice });
    await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
    await toReview(page, limit === undefined ? { mode } : { mode, limit });
    await shareNow(page);
  };
  const ended = async () => {
    await runEnds(page);
    return await funnel(page);
  };
  await share("High-value customers", "Add");
  const added = await ended();
  const members = await membersOf(page, segment);
  expect(members, "people who are in the audience twice are members once").toBeLessThanOrEqual(added.acknowledged);
  expect(members).toBeGreaterThan(0);

  await share("Lisbon and Porto", "Replace", "100");
  const replaced = await ended();
  const others = await membersOf(page, segment);
  expect(others).toBeLessThanOrEqual(replaced.acknowledged);
  expect(others).toBeGreaterThan(0);
  expect(others).not.toBe(members);

  // Everybody would go: that waits until somebody says why it is right.
  await share("Lisbon and Porto", "Remove");
  const held = page.getByRole("region", { name: "Held for approval" });
  await runReaches(page, "Held for approval");
  const spaced = String(others).replace(/\B(?=(\d{3})+$)/g, "\\s");
  await expect(held).toContainText(new RegExp(`has ${spaced} members`));
  await axe();
  await held.getByRole("button", { name: "Approve and send" }).click();
  await expect(held.getByRole("alert")).toContainText("Say why");
  await held.getByLabel("Reason").fill("The office there was closed.");
  await held.getByRole("button", { name: "Approve and send" }).click();
  await ended();
  await expect(page.getByText(/Approved by .*: The office there was closed\./)).toBeVisible();
  expect(await membersOf(page, segment)).toBe(0);
});

test("a mirror sends everybody once, and afterwards only what changed", async ({ member: { page }, axe, javaScriptEnabled }) => {
  const segment = newSegment("Mirrored");
  await shareToMap(page, "High-value customers", { segment: { new: segment } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page, { mode: "Mirror" });
  const share = new URL(page.url()).pathname.replace("/review", "");
  await page.goto(`${share}/when`);
  await expect(page.getByLabel("Rows of the same person")).toHaveValue("last");
  await page.getByLabel("Rows of the same person").selectOption("first");
  await axe();
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await shareNow(page);
  await runEnds(page);
  const figures = async () => {
    const number = async (name: string) => {
      const term = page.locator(".changes > div", { has: page.getByText(name, { exact: true }) });
      return Number(((await term.locator(".count").textContent()) ?? "").replaceAll(/\D/g, ""));
    };
    return { added: await number("New"), changed: await number("Changed"), removed: await number("Left"), unchanged: await number("Unchanged") };
  };
  const first = await figures();
  const { sent, acknowledged } = await funnel(page);
  expect(first).toMatchObject({ changed: 0, removed: 0, unchanged: 0 });
  expect(first.added).toBe(sent);
  // Nobody comes twice, so that each row taken is a member.
  expect(await membersOf(page, segment)).toBe(acknowledged);
  await expect(async () => {
    await page.goto(`${share}/when`);
    await expect(page.getByLabel("Rows of the same person")).toHaveValue("first");
  }).toPass();

  const again = async () => {
    await page.goto(share);
    await page.getByRole("button", { name: "Share again now" }).click();
    await expect(page.getByRole("heading", { level: 1, name: /^Run of/ })).toBeVisible();
    await runEnds(page);
  };
  await again();
  // Whom the destination refused is tried again, and nobody else.
  const refused = sent - acknowledged;
  expect(await figures()).toEqual({ added: refused, changed: 0, removed: 0, unchanged: acknowledged });
  await axe();

  await page.goto(`${share}/mapping`);
  await sourceOf(page, "Given name").selectOption({ label: "First name" });
  if (!javaScriptEnabled) {
    await page.getByRole("button", { name: "Save", exact: true }).last().click();
    await expect(page.getByRole("status").filter({ hasText: /^Saved\.$/ })).toBeVisible();
  }
  await toReview(page);
  await shareNow(page);
  await runEnds(page);
  const third = await figures();
  expect(third).toEqual({ added: refused, changed: acknowledged, removed: 0, unchanged: 0 });
  expect(await membersOf(page, segment)).toBe(acknowledged);
});

test("what would happen is found out without sending, and rejects are repaired and sent", async ({ member: { page }, axe }) => {
  const segment = newSegment("Repaired");
  await shareToMap(page, "High-value customers", { segment: { new: segment } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  await page.getByRole("button", { name: "See what would happen" }).click();
  await page.getByRole("link", { name: "All that was found" }).click();
  await expect(page).toHaveURL(/\/runs\/[^/]+$/);
  await runReaches(page, "Checked");
  const checked = await funnel(page);
  expect(checked.sent).toBe(0);
  expect(checked.valid).toBeLessThan(checked.read);
  await expect(page.getByText("Checked; nothing was sent.")).toBeVisible();
  await axe();
  await page.getByRole("link", { name: "Back to the review" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Review" })).toBeVisible();
  const run = await shareNow(page);
  await runEnds(page);
  expect((await funnel(page)).sent).toBe(checked.valid);
  const members = await membersOf(page, segment);

  await page.goto(run);
  const upload = async (name: string, text: string) => {
    const repair = page.locator("details.repair");
    if ((await repair.getAttribute("open")) === null) await repair.locator("summary").click();
    await page.getByLabel("Repaired rows (CSV)").setInputFiles({ name, mimeType: "text/csv", buffer: Buffer.from(text) });
    await page.getByRole("button", { name: "Send the repaired rows" }).click();
  };
  await upload("wrong.csv", "mail\r\nann@example.org\r\n");
  await expect(page.locator("#file-problem")).toContainText("no column “email”");
  await axe();
  await upload("mended.csv", `email,_error_code\r\n${segment.replaceAll(" ", "-")}@example.org,invalid_email\r\n`);
  await expect(page).not.toHaveURL(new RegExp(`${run}$`));
  await runReaches(page, "Complete");
  expect(await funnel(page)).toMatchObject({ read: 1, valid: 1, sent: 1, acknowledged: 1 });
  expect(await membersOf(page, segment)).toBe(members + 1);
});

test("people can't be removed from a segment that is yet to be made", async ({ member: { page } }) => {
  await shareToMap(page, "High-value customers", { segment: { new: newSegment("Nobody yet") } });
  await toWhen(page);
  const remove = page.getByRole("radio", { name: /^Remove/ });
  await expect(remove).toBeDisabled();
  await expect(page.locator(".choice", { has: remove })).toContainText("a new one has nobody to take out");
});

test("a limit that is none is said at its field, and what was chosen stays", async ({ member: { page }, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  await shareToMap(page, "High-value customers", { segment: { existing: "Spring campaign" } });
  await toWhen(page);
  await page.getByRole("radio", { name: /^Replace/ }).check();
  await page.getByLabel("Hold for approval").fill("120");
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await expect(page.getByRole("alert")).toContainText("Enter a percentage from 0 to 100.");
  await expect(page.getByLabel("Hold for approval")).toHaveValue("120");
  await expect(page.getByRole("radio", { name: /^Replace/ })).toBeChecked();
});

test("an audience with nobody in it is shared to the end, and a draft can be discarded", async ({ member: { page } }) => {
  const segment = newSegment("Nobody");
  await shareToMap(page, "Asked to be forgotten", { segment: { new: segment } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  await shareNow(page);
  await runEnds(page);
  expect(await funnel(page)).toEqual({ declared: 0, read: 0, valid: 0, sent: 0, acknowledged: 0 });

  await beginShare(page, "Birthday today");
  await chooseDestination(page, { segment: { new: newSegment("Thrown away") } });
  const share = new URL(page.url()).pathname.replace("/mapping", "");
  await page.goto(share);
  await page.getByRole("button", { name: "Discard draft" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Shares" })).toBeVisible();
  await expect(page.locator(`a[href^="${share}"]`)).toHaveCount(0);
});
