// The mapping's canvas: by pointer, by keyboard, by select; its suggestions, its live table, and what it forbids.

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
  await expect(row.locator(".suggestion")).toHaveCount(0);

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

test("every name is read whole at 1280, and a narrow screen maps with lists, and says so", async ({ page, axe }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByRole("button", { name: /^Accept all above/ }).click();
  const cut = page.locator(".canvas .field-name .label").evaluateAll((labels) =>
    labels.filter((label) => label.scrollWidth > label.clientWidth + 1 || label.clientWidth === 0).map((label) => label.textContent),
  );
  expect(await cut, "no name is cut short").toEqual([]);

  for (const width of [1000, 390]) {
    await page.setViewportSize({ width, height: 844 });
    await expect(page.getByText("Lines are not drawn on a screen this narrow")).toBeVisible();
    const row = page.getByRole("region", { name: "Audience" }).getByRole("listitem").filter({ hasText: "Last name" });
    await expect(row).toBeVisible();
    await expect(row.locator(".samples"), "with what the field looks like").toContainText("•");
    await expect(page.locator(".links")).toBeHidden();
    await axe();
  }
  await sourceOf(page, "Given name").selectOption({ label: "Last name" });
  await expect(page.getByRole("status").filter({ hasText: /^Saved$/ })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});
