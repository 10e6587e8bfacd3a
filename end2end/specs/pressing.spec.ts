// What becomes of a press on a button: when Usher can't be reached, when it comes twice, when the answer is a file, and when another came before it.

import { expect, test } from "../support/test.ts";
import { connectDemo } from "../support/people.ts";
import { download, newSegment, runEnds, shareNow, shareToMap, sourceOf, toReview } from "../support/sharing.ts";

test("a form that did not reach Usher says so, and what was entered stays", async ({ page, newcomer, expectComplaint }) => {
  expectComplaint(/ERR_FAILED|status of 502/);
  const { person } = newcomer;
  await page.context().clearCookies();
  await page.goto("/sign-in");
  const alert = page.getByRole("alert");
  await page.getByLabel("E-mail address").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.route("**/api/sign_in", (route) => route.abort());
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(alert).toContainText("Usher could not be reached. What you entered is still here; try again.");
  await expect(page.getByLabel("E-mail address")).toHaveValue(person.email);
  await page.unroute("**/api/sign_in");
  await page.route("**/api/sign_in", (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<html>" }));
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(alert).toContainText("could not be reached");
  await expect(page.getByLabel("E-mail address")).toHaveValue(person.email);
  await page.unroute("**/api/sign_in");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Home" })).toBeVisible();
});

test("a page whose form did not reach Usher is still there, with what was entered", async ({ newcomer: { page }, expectComplaint }) => {
  expectComplaint(/ERR_FAILED/);
  await page.goto("/schedule/blackouts");
  await page.getByLabel("What it is for").fill("Nights");
  // All of Usher is gone, not the form's function only.
  await page.route("**/api/**", (route) => route.abort());
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("could not be reached");
  await expect(page.getByLabel("What it is for")).toHaveValue("Nights");

  await page.unroute("**/api/**");
  await page.goto("/account/alerts");
  await page.route("**/api/**", (route) => route.abort());
  await page.getByLabel("Address", { exact: true }).fill("https://hooks.example.com/usher");
  await page.getByRole("button", { name: "Add a webhook" }).click();
  await expect(page.getByRole("alert")).toContainText("could not be reached");
  await expect(page.getByLabel("Address", { exact: true })).toHaveValue("https://hooks.example.com/usher");
});

test("a button that is pressed twice does its work once", async ({ newcomer: { page } }) => {
  test.slow();
  await connectDemo(page);
  await shareToMap(page, "Lisbon and Porto", { segment: { new: newSegment("Once") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  const share = new URL(page.url()).pathname.replace("/review", "");
  await shareNow(page);
  await runEnds(page);
  await page.goto(share);
  let letGo = () => {};
  const held = new Promise<void>((go) => (letGo = go));
  await page.route("**/api/copy_share", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("button", { name: "Share again like this" }).dblclick();
  letGo();
  await expect(page.getByRole("heading", { level: 1, name: "Destination" })).toBeVisible();
  await page.goto("/shares");
  await expect(page.locator('main a[href^="/shares/shr_"]')).toHaveCount(2);
});

test("an endpoint's page says what the newest press came to, and looks again after a file came", async ({ newcomer: { page }, expectComplaint }) => {
  expectComplaint(/check_endpoint/);
  const { harbor } = await connectDemo(page);
  await page.goto(harbor);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await expect(page.getByText("It is paused", { exact: false })).toBeVisible();
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await expect(page.getByText("It goes on", { exact: false })).toBeVisible();
  await page.getByRole("button", { name: "Check now" }).click();
  await expect(page.getByText("It answers.", { exact: false })).toBeVisible();
  await expect(page.getByText("It goes on", { exact: false })).toHaveCount(0);
  await page.route("**/api/check_endpoint", (route) => route.abort());
  await page.getByRole("button", { name: "Check now" }).click();
  await expect(page.getByRole("alert")).toContainText("could not be reached");
  await expect(page.getByText("It answers.", { exact: false })).toHaveCount(0);

  await page.goto("/schedule");
  await download(page, page.getByRole("button", { name: "Make an address" }));
  await expect(page.getByRole("button", { name: "Make a new address" })).toBeVisible();
});
