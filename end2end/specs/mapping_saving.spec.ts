// What is chosen in the mapping is never lost: not before the program has loaded, not by leaving at once, not while Usher is gone.

import type { Page } from "@playwright/test";
import { expect, programRuns, test, waitForProgram } from "../support/test.ts";
import { startAgain, stop } from "../support/installation.ts";
import { newSegment, shareToMap, sourceOf, targetRow } from "../support/sharing.ts";

let path: string;

test.beforeEach(async ({ member: { page } }) => {
  path = await shareToMap(page, "High-value customers", { segment: { new: newSegment("Kept") } });
});

const saved = (page: Page) => page.getByRole("status").filter({ hasText: /^Saved$/ });

/** Chooses and, in the same moment, does something else: faster than any person. */
async function chooseAnd(page: Page, target: string, value: string, then: "reload" | "leave"): Promise<void> {
  await sourceOf(page, target).evaluate(
    (select, { value, then }) => {
      (select as HTMLSelectElement).value = value;
      select.dispatchEvent(new Event("change", { bubbles: true }));
      if (then === "reload") location.reload();
      else document.querySelector<HTMLAnchorElement>('.rail a[href="/runs"]')?.click();
    },
    { value, then },
  );
}

/** What another tab gets from the server. */
async function expectOnServer(page: Page, target: string, value: string): Promise<void> {
  const other = await page.context().newPage();
  waitForProgram(other);
  await expect(async () => {
    await other.goto(path);
    await expect(sourceOf(other, target)).toHaveValue(value, { timeout: 500 });
  }).toPass();
  await other.close();
}

test("what is chosen before the page's program has loaded stays, and is saved", async ({ page }) => {
  let letGo = () => {};
  const gate = new Promise<void>((open) => (letGo = open));
  await page.route("**/*.wasm", async (route) => {
    await gate;
    await route.continue();
  });
  await page.evaluate((path) => location.assign(`${path}?again`), path);
  await expect(page).toHaveURL(/again$/);
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await sourceOf(page, "Language").selectOption({ label: "The same for everyone …" });
  const language = targetRow(page, "language");
  await language.locator("summary").click();
  await language.getByLabel("The value for everyone").fill("pt-PT");
  letGo();
  await programRuns(page);
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
  await expect(page.getByText("1 of 1 required mapped")).toBeVisible();
  await expect(language.getByLabel("The value for everyone")).toHaveValue("pt-PT");
  await expect(saved(page)).toBeVisible();
  await page.reload();
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
  await expect(sourceOf(page, "Language")).toHaveValue("=constant");
  await expect(language.locator(".steps-said")).toContainText("pt-PT");
});

test("a choice in the moment in which the page is loaded again is saved", async ({ page }) => {
  await chooseAnd(page, "E-mail address", "email", "reload");
  await expectOnServer(page, "E-mail address", "email");
});

test("a choice in the moment in which a link is followed is saved", async ({ page }) => {
  await chooseAnd(page, "E-mail address", "email", "leave");
  await expect(page.getByRole("heading", { level: 1, name: "Runs" })).toBeVisible();
  await expectOnServer(page, "E-mail address", "email");
});

test("while Usher is gone that is said, nothing is lost, and it is saved when Usher is back", async ({ page, expectComplaint }) => {
  expectComplaint(/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/);
  await stop("usher");
  try {
    await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
    await expect(page.getByText("Usher can't be reached. Your changes are kept here")).toBeVisible();
    await expect(page.getByText("Not saved", { exact: true })).toBeVisible();
    await sourceOf(page, "Town").selectOption({ label: "City" });
    await page.getByRole("button", { name: "Continue", exact: true }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Mapping" }), "it does not go on with half of it").toBeVisible();
  } finally {
    await startAgain("usher");
  }
  await expect(saved(page)).toBeVisible({ timeout: 45_000 });
  await expect(page.getByText("Usher can't be reached.")).toBeHidden();
  await page.reload();
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
  await expect(sourceOf(page, "Town")).toHaveValue("city");
});

test("what could not be saved is there again when the page is, in the same tab", async ({ page, expectComplaint }) => {
  expectComplaint(/ERR_FAILED/);
  page.on("dialog", (dialog) => void dialog.accept());
  await page.route("**/api/save_mapping", (route) => route.abort());
  // What the browser sends after the page does not go through the route.
  await page.evaluate(() => (navigator.sendBeacon = () => false));
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await expect(page.getByText("Usher can't be reached.")).toBeVisible();
  await page.goto("/runs");
  await page.unroute("**/api/save_mapping");
  await page.goto(path);
  await expect(sourceOf(page, "E-mail address")).toHaveValue("email");
  await expect(page.locator("#said")).toContainText("are here again");
  await expect(saved(page)).toBeVisible();
  await expectOnServer(page, "E-mail address", "email");
});

test("who is signed out keeps the mapping, and saves it after signing in in another tab", async ({ page, demo, expectComplaint }) => {
  expectComplaint(/status of 401/);
  await page.context().clearCookies();
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await expect(page.getByText("You were signed out. Your changes are kept here")).toBeVisible();
  const opened = page.context().waitForEvent("page");
  await page.getByRole("link", { name: "Sign in, in another tab" }).click();
  const other = await opened;
  await programRuns(other);
  await other.getByLabel("E-mail address").fill(demo.person.email);
  await other.getByLabel("Password").fill(demo.person.password);
  await other.getByRole("button", { name: "Sign in" }).click();
  await expect(other.getByRole("heading", { level: 1, name: "Home" })).toBeVisible();
  await expect(saved(page)).toBeVisible({ timeout: 45_000 });
  await expectOnServer(page, "E-mail address", "email");
});

test("of two tabs with the same mapping the second is told, loses nothing, and overwrites only on purpose", async ({ page, expectComplaint }) => {
  expectComplaint(/status of 409/);
  const other = await page.context().newPage();
  waitForProgram(other);
  await other.goto(path);
  await sourceOf(other, "Town").selectOption({ label: "City" });
  await expect(saved(other)).toBeVisible();
  await expectOnServer(page, "Town", "city");

  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await expect(page.getByText("Not saved", { exact: true })).toBeVisible();
  await expect(page.locator(".save-problem")).toContainText(/changed|other/);
  await expect(sourceOf(page, "E-mail address"), "what was chosen here is still here").toHaveValue("email");
  await expectOnServer(other, "Town", "city");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText("Not saved", { exact: true }), "to try again overwrites nothing").toBeVisible();
  await expectOnServer(other, "Town", "city");
  await expectOnServer(other, "E-mail address", "");

  await page.getByRole("button", { name: "Put mine in its place" }).click();
  await expect(saved(page)).toBeVisible();
  await expectOnServer(other, "E-mail address", "email");
  await expectOnServer(other, "Town", "");
  await sourceOf(page, "Language").selectOption({ label: "Language" });
  await expect(saved(page), "from then on it saves as before").toBeVisible();
  await expectOnServer(other, "Language", "language");

  await sourceOf(other, "Given name").selectOption({ label: "First name" });
  await expect(other.getByRole("button", { name: "Put mine in its place" }), "now the first tab is the later one").toBeVisible();
  await other.close();
});
