// Signing up, in and out: with the page's program and without.

import { expect, test } from "../support/test.ts";
import { newPerson, signIn, signUp } from "../support/people.ts";

test("somebody new makes an account, and is in it", async ({ page }) => {
  const person = newPerson("Lindqvist & Söhne");
  await signUp(page, person);
  await expect(page).toHaveURL("/");
  await expect(page.getByText("Lindqvist & Söhne")).toBeVisible();
  await expect(page.getByRole("main").getByRole("link", { name: "Connect an application" })).toBeVisible();
});

test("what is wrong with a sign-up is said at the field, and what was typed stays", async ({ page, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  await page.goto("/sign-up");
  await page.getByLabel("Organisation").fill("Acme Ltd");
  await page.getByLabel("Your name").fill("Zoë O’Neill");
  await page.getByLabel("E-mail address").fill("zoe at example.com");
  await page.getByLabel("Password").fill("short");
  await page.getByRole("button", { name: "Sign up" }).click();

  await expect(page.getByRole("alert")).toContainText("2 things need mending.");
  const [email, password] = [page.getByRole("textbox", { name: "E-mail address" }), page.getByRole("textbox", { name: "Password" })];
  await expect(email).toHaveAttribute("aria-invalid", "true");
  await expect(email).toHaveAccessibleDescription(/e-mail/i);
  await expect(password).toHaveAccessibleDescription(/12 characters/);
  await expect(page.getByLabel("Organisation")).toHaveAttribute("aria-invalid", "false");
  await expect(page.getByLabel("Organisation")).toHaveValue("Acme Ltd");
  await expect(page.getByLabel("Your name")).toHaveValue("Zoë O’Neill");
  await expect(email).toHaveValue("zoe at example.com");
  expect(page.url(), "nothing that was typed stands in the address").not.toContain("zoe");
});

test("an e-mail address can't be used twice", async ({ newcomer: { page, person }, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  await page.context().clearCookies();
  await page.goto("/sign-up");
  await page.getByLabel("Organisation").fill("Another one");
  await page.getByLabel("Your name").fill("Somebody else");
  await page.getByLabel("E-mail address").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page.getByRole("textbox", { name: "E-mail address" })).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByRole("alert")).toContainText("One thing needs mending.");
});

test("somebody signs out, and in again", async ({ newcomer: { page, person } }) => {
  await page.locator("summary", { hasText: person.name }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Sign in to Usher" })).toBeVisible();
  await page.goto("/audiences");
  await expect(page, "a page behind the door leads to the door").toHaveURL("/sign-in?next=%2Faudiences");
  await signIn(page, person);
  await expect(page.getByText(person.organisation)).toBeVisible();
});

test("who asks for a page signs in first, and is then on that page, but never on another site's", async ({
  newcomer: { page, person },
  expectComplaint,
  javaScriptEnabled,
}) => {
  if (javaScriptEnabled) expectComplaint(/status of (401|422)/);
  await page.context().clearCookies();
  await page.goto("/runs?state=failed&q=caf%C3%A9");
  await expect(page.getByText("Sign in to see the page that you asked for.")).toBeVisible();
  const fill = async (password: string) => {
    await page.getByLabel("E-mail address").fill(person.email);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  await fill("not the password at all");
  await expect(page.getByRole("alert")).toBeVisible();
  await fill(person.password);
  await expect(page).toHaveURL("/runs?state=failed&q=caf%C3%A9");
  await expect(page.getByRole("heading", { level: 1, name: "Runs" })).toBeVisible();

  await page.context().clearCookies();
  await page.goto("/sign-in?next=%2F%2Fexample.com%2Fruns");
  await fill(person.password);
  await expect(page).toHaveURL("/");
});

test("a wrong password is refused without saying whether the address is known, and after a few the next try has to wait", async ({
  newcomer: { page, person },
  expectComplaint,
  javaScriptEnabled,
}) => {
  if (javaScriptEnabled) expectComplaint(/status of (401|422|429)/);
  await page.context().clearCookies();
  await page.goto("/sign-in");
  const attempt = async () => {
    await page.getByLabel("E-mail address").fill(person.email);
    await page.getByLabel("Password").fill("not the password at all");
    const answered = page.waitForResponse((response) => response.request().method() === "POST");
    await page.getByRole("button", { name: "Sign in" }).click();
    await answered;
  };
  await attempt();
  const message = page.getByRole("alert");
  await expect(message).toBeVisible();
  await expect(message).not.toContainText(/no such|unknown|not known/i);
  await expect(page.getByLabel("E-mail address")).toHaveValue(person.email);
  for (let failures = 1; failures < 6; failures += 1) await attempt();
  await expect(message).toContainText(/wait|again in|try again/i);
  await expect(message).toContainText(/second/);
});
