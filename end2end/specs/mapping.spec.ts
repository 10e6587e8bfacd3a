// The mapping's canvas: by pointer, by keyboard, by select; its suggestions, its live table, and what it forbids.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { running } from "../support/installation.ts";
import { expect, test } from "../support/test.ts";
import { addStep, newSegment, shareToMap, sourceOf, targetRow, toReview } from "../support/sharing.ts";

test.beforeEach(async ({ member: { page } }) => {
  await shareToMap(page, "High-value customers", { segment: { new: newSegment("Mapped") } });
});

const handle = (name: string, side: "audience" | "destination") => ({ name: `Pick up ${name}, a field of the ${side}` });

test("a line is drawn with the mouse, and is still there after a reload", async ({ page }) => {
  const from = page.getByRole("button", handle("E-mail", "audience"));
  const to = page.getByRole("button", handle("E-mail address", "destination"));
  await from.scrollIntoViewIfNeeded();
  const [start, end] = [await from.boundingBox(), await to.boundingBox()];
  if (start === null || end === null) throw new Error("a handle is not to be seen");
  await page.mouse.move(start.x + start.width / 2, start.y + start.height / 2);
  await page.mouse.down();
  await page.mouse.move((start.x + end.x) / 2, start.y + 40, { steps: 8 });
  await expect(page.locator(".links .ghost"), "a line follows the pointer").toBeAttached();
  await page.mouse.move(end.x + end.width / 2, end.y + end.height / 2, { steps: 8 });
  await expect(targetRow(page, "email")).toHaveClass(/over/);
  await page.mouse.up();

  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
  await expect(page.locator('.links .link[data-link="email"]:not(.suggested)')).toBeAttached();
  await expect(page.getByText("1 of 1 required mapped")).toBeVisible();
  await expect(page.getByRole("status").filter({ hasText: /^Saved$/ })).toBeVisible();
  await page.reload();
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
});

test("Escape puts back what is dragged, and a field that does not fit takes nothing", async ({ page }) => {
  const drag = async (from: string, to: string) => {
    const [start, end] = [
      await page.getByRole("button", handle(from, "audience")).boundingBox(),
      await page.locator(to).boundingBox(),
    ];
    if (start === null || end === null) throw new Error("a field is not to be seen");
    await page.mouse.move(start.x + start.width / 2, start.y + start.height / 2);
    await page.mouse.down();
    await page.mouse.move(end.x + 8, end.y + end.height / 2, { steps: 10 });
  };
  await drag("E-mail", "#field-email .handle");
  await page.keyboard.press("Escape");
  await page.mouse.up();
  await expect(sourceOf(page, "E-mail address")).toHaveValue("");
  await drag("City", "#field-email .handle");
  await expect(targetRow(page, "email")).toHaveClass(/forbidden/);
  await page.mouse.up();
  await expect(sourceOf(page, "E-mail address")).toHaveValue("");
});

test("everything is mapped with the keyboard alone", async ({ page }) => {
  await page.getByRole("button", handle("E-mail", "audience")).focus();
  await page.keyboard.press("Enter");
  const said = page.locator("#said");
  await expect(said).toContainText("Picked up “E-mail”.");
  await page.keyboard.press("ArrowDown");
  await expect(said).toContainText("“E-mail address”, required");
  await page.keyboard.press("Enter");
  await expect(said).toContainText("Linked “E-mail” to “E-mail address”.");
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");

  await page.getByRole("button", handle("Customer id", "audience")).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Escape");
  await expect(said).toContainText("Put “Customer id” back. Nothing was changed.");
  await expect(sourceOf(page, "External id")).toHaveValue("");

  await page.keyboard.press("Control+z");
  await expect(sourceOf(page, "E-mail address")).toHaveValue("");
  await page.keyboard.press("Control+Shift+z");
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
  await page.getByRole("button", { name: "Continue", exact: true }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "When and how" })).toBeVisible();
});

test("a select maps, and only offers what fits", async ({ page }) => {
  const select = sourceOf(page, "E-mail address");
  await expect(select.locator("option", { hasText: "City" })).toHaveCount(0);
  await select.selectOption({ label: "E-mail" });
  await expect(page.getByText("1 of 1 required mapped")).toBeVisible();
  await sourceOf(page, "Town").selectOption({ label: "City" });
  await expect(page.getByRole("status").filter({ hasText: /^Saved$/ })).toBeVisible();
  await page.reload();
  await expect(sourceOf(page, "Town")).toHaveValue("city");
});

test("a suggestion has a reason and is accepted; all likely ones at once; undo and redo", async ({ page }) => {
  const row = targetRow(page, "email");
  await expect(row.locator(".suggestion")).toContainText(/E-mail\s*\d+/);
  await expect(row.locator(".suggestion .reason")).not.toBeEmpty();
  await row.getByRole("button", { name: "Accept E-mail for E-mail address" }).click();
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
  await expect(row.locator(".suggestion")).toBeHidden();
  await expect(sourceOf(page, "E-mail address"), "whoever accepts by key goes on there").toBeFocused();

  // What a person set stays as it is.
  await sourceOf(page, "Given name").selectOption({ label: "Last name" });
  await page.getByRole("button", { name: /^Accept all above/ }).click();
  await expect(sourceOf(page, "Given name")).toHaveValue("last_name");
  await expect(sourceOf(page, "Town")).toHaveValue("city");
  await expect(sourceOf(page, "Postcode")).toHaveValue("postal_code");

  await page.getByRole("button", { name: "Undo" }).click();
  await expect(sourceOf(page, "Town")).toHaveValue("");
  await expect(sourceOf(page, "Given name")).toHaveValue("last_name");
  await page.getByRole("button", { name: "Redo" }).click();
  await expect(sourceOf(page, "Town")).toHaveValue("city");
});

test("the live table shows what is sent, and follows each change", async ({ page, axe }) => {
  await expect(page.getByRole("region", { name: "What will be sent" }).first()).toContainText("Map a field");
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await page.getByRole("switch", { name: "Show values" }).click();
  const table = page.locator(".preview-table");
  await expect(table.getByRole("columnheader", { name: "E-mail address" })).toBeVisible();
  const row = targetRow(page, "email");
  await row.locator("summary").click();
  await row.getByRole("button", { name: "Take “Normalise e-mail” away" }).click();
  await expect(table.locator(".sent.same").first()).toBeVisible();

  await addStep(row, "Normalise e-mail");
  const cells = table.locator("tbody tr:not(.left-out-why) td");
  const pairs = await cells.evaluateAll((all) =>
    all.map((cell) => ({ raw: cell.querySelector(".raw")?.textContent ?? "", sent: cell.querySelector(".sent") })).map(({ raw, sent }) => ({
      raw,
      sent: sent?.classList.contains("same") ? raw : (sent?.textContent ?? ""),
      isLeftOut: sent?.classList.contains("problem") ?? false,
    })),
  );
  expect(pairs.length).toBeGreaterThan(0);
  for (const { raw, sent, isLeftOut } of pairs) {
    if (!isLeftOut && raw !== "empty") expect(sent).toBe(raw.trim().toLowerCase());
  }

  // A hash is no e-mail address, and the table says so; of an id it can be sent.
  await addStep(row, "SHA-256 as hex");
  await expect(table.getByText("can't be sent").first()).toBeVisible();
  await row.getByRole("button", { name: "Take “SHA-256 as hex” away" }).click();
  await sourceOf(page, "External id").selectOption({ label: "Customer id" });
  const id = targetRow(page, "external_id");
  await id.locator("summary").click();
  await addStep(id, "SHA-256 as hex");
  await expect(table.locator(".sent", { hasText: /^[0-9a-f]{8}/ }).first()).toBeVisible();

  await sourceOf(page, "Language").selectOption({ label: "The same for everyone …" });
  const language = targetRow(page, "language");
  if (!(await language.getByLabel("The value for everyone").isVisible())) await language.locator("summary").click();
  await language.getByLabel("The value for everyone").fill("pt-PT");
  await expect(table.getByText("pt-PT").first()).toBeVisible();
  await axe();
});

test("pointing at a row lights its curve and touches no other", async ({ page }) => {
  await page.getByRole("button", { name: /^Accept all above/ }).click();
  const curve = page.locator('.links .link[data-link="email"]:not(.suggested)');
  await expect(curve).toBeAttached();
  await expect(page.locator(".links .link")).not.toHaveCount(1);
  await page.mouse.move(2, 2);
  await page.evaluate(() => {
    const touched = new Set<string>();
    const note = (node: Node) => touched.add((node as Element).closest("[data-link]")?.getAttribute("data-link") ?? "all of them");
    new MutationObserver((changes) => changes.forEach(({ target }) => note(target))).observe(document.querySelector("#links")!, {
      subtree: true,
      childList: true,
      attributes: true,
    });
    Object.assign(window, { touched });
  });
  await targetRow(page, "email").hover();
  await expect(curve).toHaveClass(/lit/);
  await page.mouse.move(2, 2);
  await expect(curve).not.toHaveClass(/lit/);
  const touched = await page.evaluate(() => [...(window as unknown as { touched: Set<string> }).touched]);
  expect(touched).toEqual(["email"]);
});

test("scrolling a list moves the curves that are there", async ({ page }) => {
  await page.setViewportSize({ width: 1440, height: 620 });
  await page.getByRole("button", { name: /^Accept all above/ }).click();
  const curve = page.locator('.links .link[data-link="email"]:not(.suggested)');
  await expect(curve).toBeAttached();
  await curve.evaluate((element) => element.setAttribute("data-same", ""));
  const line = () => curve.locator(".line").getAttribute("d");
  const before = await line();
  await page.locator("#target-list").evaluate((list) => (list.scrollTop = 40));
  await expect.poll(line).not.toBe(before);
  await expect(page.locator('.links .link[data-link="email"][data-same]'), "it was not drawn anew").toBeAttached();
});

test("without its required fields a share can't go on, and says which one is missing", async ({ page }) => {
  await sourceOf(page, "Town").selectOption({ label: "City" });
  await expect(page.getByText("0 of 1 required mapped")).toBeVisible();
  await page.getByRole("link", { name: "Go to E-mail address" }).click();
  await expect(sourceOf(page, "E-mail address")).toBeFocused();
  await toReview(page);
  await expect(page.getByText("It can't be shared yet")).toBeVisible();
  await expect(page.getByRole("listitem").filter({ hasText: "Error" }).first()).toContainText("E-mail address");
  await expect(page.getByRole("button", { name: "Share now" })).toHaveCount(0);
  await page.getByRole("link", { name: "Go to it: E-mail address in the mapping" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Mapping" })).toBeVisible();
});

test("every name is read whole at 1280", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByRole("button", { name: /^Accept all above/ }).click();
  const cut = page.locator(".canvas .field-name .label").evaluateAll((labels) =>
    labels.filter((label) => label.scrollWidth > label.clientWidth + 1 || label.clientWidth === 0).map((label) => label.textContent),
  );
  expect(await cut, "no name is cut short").toEqual([]);
});

test("a line is drawn from the destination's side too", async ({ page }) => {
  const from = page.getByRole("button", handle("Town", "destination"));
  const to = page.getByRole("button", handle("City", "audience"));
  await from.scrollIntoViewIfNeeded();
  const [start, end] = [await from.boundingBox(), await to.boundingBox()];
  if (start === null || end === null) throw new Error("a handle is not to be seen");
  await page.mouse.move(start.x + start.width / 2, start.y + start.height / 2);
  await page.mouse.down();
  await page.mouse.move(end.x + 60, end.y + 30, { steps: 6 });
  const rows = page.getByRole("region", { name: "Audience", exact: true }).getByRole("listitem");
  await expect(rows.filter({ hasText: "City" }), "what fits lights up").toHaveClass(/allowed/);
  await page.mouse.move(end.x + end.width / 2, end.y + end.height / 2, { steps: 4 });
  await page.mouse.up();
  await expect(sourceOf(page, "Town")).toHaveValue("city");
  await expect(page.locator("#said")).toContainText("Linked “City” to “Town”.");
});

test("two clicks on names make a link, and a click beside everything makes none", async ({ page }) => {
  const city = page.getByRole("region", { name: "Audience", exact: true }).getByText("City", { exact: true });
  await city.click();
  const bar = page.locator(".mapping-bar");
  await expect(bar).toContainText("Linking “City”: choose a marked field of the destination.");
  await page.getByRole("heading", { name: "What will be sent" }).click();
  await expect(bar).not.toContainText("Linking");
  await city.click();
  await targetRow(page, "town").getByText("Town", { exact: true }).click();
  await expect(sourceOf(page, "Town")).toHaveValue("city");
  await page.getByText("Town", { exact: true }).first().click();
  await bar.getByRole("button", { name: "Cancel" }).click();
  await expect(bar).toContainText("required mapped");
});

test("undo and redo by key say what came back, and the key F8 goes to what is missing", async ({ page }) => {
  const said = page.locator("#said");
  await sourceOf(page, "Town").selectOption({ label: "City" });
  await page.getByRole("button", handle("City", "audience")).focus();
  await page.keyboard.press("Control+z");
  await expect(said).toHaveText("Undone: “Town” is not mapped.");
  await page.keyboard.press("Control+y");
  await expect(said).toHaveText("Done again: “Town” is fed by “City”.");
  await page.keyboard.press("F8");
  await expect(sourceOf(page, "E-mail address")).toBeFocused();
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await page.keyboard.press("F8");
  await expect(said).toHaveText("Nothing is missing.");
});

test("both sides are filtered, and what is left is said", async ({ page }) => {
  const said = page.locator("#said");
  const rows = (side: string) => page.getByRole("region", { name: side, exact: true }).locator(".field-row:visible");
  await page.getByRole("searchbox", { name: "Filter the audience's fields" }).fill("name");
  await expect(rows("Audience")).toHaveCount(2);
  await expect(said).toHaveText(/^2 of \d+ fields\.$/);
  await page.getByRole("searchbox", { name: "Filter the destination's fields" }).fill("phone");
  await expect(rows("Destination"), "types are searched too").toHaveCount(1);
  await page.keyboard.press("Escape");
  await expect(said).toHaveText(/^All \d+ fields\.$/);
  await expect(rows("Destination")).not.toHaveCount(1);
});

test("the rows of the sample are stepped through, those that fail one after the other", async ({ page, axe }) => {
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  const preview = page.getByRole("region", { name: "What will be sent" }).first();
  await expect(preview).toContainText(/\d+ of 20 sample rows would be sent, \d+ would be left out\./);
  const sum = (await preview.locator(".preview-sum").textContent()) ?? "";
  const failing = Number(/(\d+) would be left out/.exec(sum)?.[1]);
  expect(failing).toBeGreaterThan(1);
  const said = page.locator("#said");
  const seen = new Set<string>();
  for (let step = 0; step < failing; step += 1) {
    await preview.getByRole("button", { name: "Next that fails" }).click();
    await expect(said).toHaveText(/^Row \d+ would be left out\. “E-mail address” /);
    const row = /^Row (\d+)/.exec((await said.textContent()) ?? "")?.[1] ?? "";
    await expect(preview.locator(".row-at")).toHaveText(`Row ${row} of 20`);
    await expect(preview.locator(".left-out-why").filter({ hasText: `Row ${row} would be left out.` })).toBeVisible();
    seen.add(row);
  }
  expect(seen.size, "each of them once").toBe(failing);
  await preview.getByRole("button", { name: "Next row" }).click();
  await expect(said).toHaveText(/^Row \d+ would be/);
  await axe();
});

test("values are masked until a person asks, and that they asked is noted", async ({ page }) => {
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  const table = page.locator(".preview-table");
  await expect(table.locator(".raw").first()).toContainText("•");
  expect(await table.textContent()).not.toMatch(/@\w/);
  const noted = page.waitForResponse((answer) => answer.url().endsWith("/show_values") && answer.ok());
  await page.getByRole("switch", { name: "Show values" }).click();
  await noted;
  await expect(table).toContainText(/@\w/);
  await expect(page.getByText("Who looks at values, and when, is noted for your admins.")).toBeVisible();
  await page.getByRole("switch", { name: "Show values" }).click();
  await expect(table).not.toContainText(/@\w/);

  const database = join(running().folder, "usher.db");
  const rows = execFileSync("sqlite3", ["-cmd", ".timeout 5000", database, "select user_name, audience_name from values_shown"], { encoding: "utf8" });
  expect(rows).toContain("Zoë O’Neill|High-value customers");
});

test("values stay masked when it can't be noted that they are looked at", async ({ page, expectComplaint }) => {
  expectComplaint(/ERR_FAILED|Failed to fetch|ERR_CONNECTION/);
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await page.route("**/show_values", (route) => route.abort());
  await page.getByRole("switch", { name: "Show values" }).click();
  await expect(page.getByRole("alert")).toContainText("Values stay masked.");
  expect(await page.locator(".preview-table").textContent()).not.toMatch(/@\w/);
});

test.describe("on a telephone", () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test("fields are linked by two taps, and by a line that a finger draws", async ({ page, axe }) => {
    await page.getByRole("region", { name: "Audience", exact: true }).getByText("E-mail", { exact: true }).first().tap();
    await expect(page.locator(".mapping-bar")).toContainText("Linking “E-mail”");
    await expect(targetRow(page, "email")).toHaveClass(/allowed/);
    await targetRow(page, "email").getByText("E-mail address", { exact: true }).tap();
    await expect(sourceOf(page, "E-mail address")).toHaveValue("email");

    const from = page.getByRole("button", handle("First name", "audience"));
    const to = page.getByRole("button", handle("Given name", "destination"));
    await from.scrollIntoViewIfNeeded();
    // The audience's fields stay in sight while the page scrolls; neither bar is to be over the other end.
    await to.evaluate((element) => element.scrollIntoView({ block: "center" }));
    await expect(from).toBeInViewport();
    const [start, end] = [await from.boundingBox(), await to.boundingBox()];
    if (start === null || end === null) throw new Error("a handle is not to be seen");
    const finger = await page.context().newCDPSession(page);
    const point = (box: typeof start, part = 0) => ({ x: box.x + box.width / 2 + part, y: box.y + box.height / 2 });
    await finger.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [point(start)] });
    for (const part of [8, 16, 24]) await finger.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [point(start, part)] });
    await expect(page.locator(".links .ghost")).toBeAttached();
    await finger.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [point(end)] });
    await finger.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    await expect(sourceOf(page, "Given name")).toHaveValue("first_name");
    await expect(page.locator('.links .link[data-link="given_name"]:not(.suggested)'), "the line is drawn here too").toBeAttached();
    await expect(page.getByRole("status").filter({ hasText: /^Saved$/ })).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await axe();
  });

  test("the audience's fields stay in sight while the page scrolls, and the list is always there", async ({ page }) => {
    const source = page.getByRole("region", { name: "Audience", exact: true });
    await sourceOf(page, "Subscribed").scrollIntoViewIfNeeded();
    await expect(source.getByRole("button", handle("Customer id", "audience"))).toBeInViewport();
    await sourceOf(page, "Town").selectOption({ label: "City" });
    await expect(page.locator('.links .link[data-link="town"]:not(.suggested)')).toBeAttached();
  });
});
