// Signing in at an OpenID provider: with the page's program and without.

import type { Page } from "@playwright/test";
import { programRuns, expect, test as base } from "../support/test.ts";
import { newPerson } from "../support/people.ts";
import { providerName, serveWithProvider, signInThere, startProvider, type Provider } from "../support/provider.ts";

const test = base.extend<{ provider: Provider; usher: { url: string } }>({
  provider: async ({}, use) => {
    const provider = await startProvider();
    await use(provider);
    await provider.end();
  },
  usher: async ({ provider }, use) => {
    const usher = await serveWithProvider(provider);
    await use(usher);
    await usher.end();
  },
  baseURL: async ({ usher }, use) => use(usher.url),
});

const home = (page: Page) => expect(page.getByRole("heading", { level: 1, name: "Home" })).toBeVisible();

test("somebody new signs up there, and never loses the last way in", async ({ page, axe, expectComplaint, javaScriptEnabled }) => {
  expectComplaint(/status of (401|422)/);
  await page.goto("/sign-in?next=%2Fruns");
  await axe();
  const leave = page.getByRole("link", { name: `Sign in with ${providerName}` });
  await leave.focus();
  await page.keyboard.press("Enter");
  await signInThere(page, "Zoë Quill", "zoe@marigold.example");
  await expect(page.getByRole("heading", { level: 1, name: "Sign up for Usher" })).toBeVisible();
  if (javaScriptEnabled) await programRuns(page);
  await axe();
  await expect(page.getByLabel("Your name")).toHaveValue("Zoë Quill");
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Enter your organisation" })).toBeVisible();
  await page.getByLabel("Organisation").fill("Marigold");
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page).toHaveURL("/runs");

  await page.goto("/profile");
  const there = page.getByRole("region", { name: "Signing in elsewhere" });
  await expect(there).toContainText("zoe@marigold.example");
  await expect(there).toContainText("Your only way to sign in.");
  await expect(there.getByRole("button", { name: "Disconnect" })).toHaveCount(0);
  await expect(page.getByLabel("Present password")).toHaveCount(0);
  await axe();
  await page.getByLabel("New password").fill("a sentence to remember");
  await page.getByRole("button", { name: "Set a password" }).click();
  await expect(page.getByRole("button", { name: "Change the password" })).toBeVisible();
  await there.getByRole("button", { name: "Disconnect" }).click();
  await expect(page.getByText("Disconnected. Wherever else you were signed in, you are no more.")).toBeVisible();

  await there.getByRole("link", { name: `Connect ${providerName}` }).click();
  await signInThere(page, "Zoë Quill", "zoe@elsewhere.example", false);
  await expect(page.getByRole("heading", { level: 1, name: `Connect ${providerName}` })).toBeVisible();
  await expect(page.getByText("At Northwind SSO you are Zoë Quill (zoe@elsewhere.example).")).toBeVisible();
  await axe();
  await page.getByRole("button", { name: "Connect" }).click();
  await expect(page.getByText("Connected. From now on you can sign in so, too.")).toBeVisible();
  await page.goto("/people");
  await expect(page.getByText(`Zoë Quill (zoe@marigold.example) disconnected their sign-in at ${providerName}`)).toBeVisible();

  await page.context().clearCookies();
  await page.goto("/sign-in");
  await leave.click();
  await signInThere(page, "Zoë Quill", "zoe@elsewhere.example", false);
  await home(page);
});

test("who has signed up before shows by the password, once, that they are the same", async ({ page, axe, expectComplaint }) => {
  expectComplaint(/status of (401|422)/);
  const person = newPerson("Umber Works");
  await page.goto("/sign-up");
  await expect(page.getByRole("link", { name: `Sign up with ${providerName}` })).toBeVisible();
  await axe();
  await page.getByLabel("Organisation").fill(person.organisation);
  await page.getByLabel("Your name").fill(person.name);
  await page.getByLabel("E-mail address").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign up" }).click();
  await home(page);
  await page.context().clearCookies();

  const leave = page.getByRole("link", { name: `Sign in with ${providerName}` });
  await page.goto("/sign-in");
  await leave.click();
  await signInThere(page, person.name, person.email);
  await expect(page.getByRole("heading", { level: 1, name: "Is this you?" })).toBeVisible();
  await axe();
  await page.getByLabel("Password").fill("not the password at all");
  await page.getByRole("button", { name: "Sign in and connect" }).click();
  await expect(page.getByRole("textbox", { name: "Password" })).toHaveAccessibleDescription(/wrong/);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in and connect" }).click();
  await home(page);
  await expect(page.getByRole("banner")).toContainText("Umber Works");
  await page.context().clearCookies();
  await page.goto("/sign-in");
  await leave.click();
  await signInThere(page, person.name, person.email);
  await home(page);
});

test("who has an invitation joins with it", async ({ page, browser, baseURL, axe, javaScriptEnabled }) => {
  await page.goto("/sign-in");
  await page.getByRole("link", { name: `Sign in with ${providerName}` }).click();
  await signInThere(page, "Zoë Quill", "zoe@marigold.example");
  await page.getByLabel("Organisation").fill("Marigold");
  await page.getByRole("button", { name: "Sign up" }).click();
  await home(page);
  await page.goto("/people");
  await page.getByLabel("E-mail address").fill("vera@marigold.example");
  await page.getByRole("radio", { name: /^viewer/ }).check();
  await page.getByRole("button", { name: "Make the link" }).click();
  const link = await page.getByLabel("Link", { exact: true }).inputValue();

  const context = await browser.newContext({ ...(baseURL === undefined ? {} : { baseURL }), javaScriptEnabled });
  const other = await context.newPage();
  await other.goto(link);
  if (javaScriptEnabled) await programRuns(other);
  await axe(other);
  await other.getByRole("link", { name: `Join with ${providerName}` }).click();
  await other.getByRole("link", { name: "Cancel" }).click();
  await expect(other.getByRole("alert").filter({ hasText: `You did not sign in at ${providerName}` })).toBeVisible();
  await other.getByRole("link", { name: `Join with ${providerName}` }).click();
  await signInThere(other, "Vera Vine", "vera@marigold.example");
  await home(other);
  await expect(other.getByRole("banner")).toContainText("Marigold");
  await context.close();
  await page.goto("/people");
  await expect(page.getByText("Vera Vine (vera@marigold.example) joined as a viewer")).toBeVisible();
});

test("what goes wrong is said in words, and how to go on", async ({ page, axe }) => {
  await page.goto("/sign-in?next=%2Fruns");
  const leave = page.getByRole("link", { name: `Sign in with ${providerName}` });
  await leave.click();
  await page.getByRole("link", { name: "Cancel" }).click();
  await expect(page.getByRole("alert").filter({ hasText: `You did not sign in at ${providerName}` })).toBeVisible();
  await expect(page, "where one wanted to go is not forgotten").toHaveURL("/sign-in?next=%2Fruns");
  await axe();

  await leave.click();
  await signInThere(page, "Zoë Quill", "zoe@marigold.example", false);
  await expect(page.getByRole("heading", { level: 1, name: "Your address is not confirmed" })).toBeVisible();
  await axe();
  await page.getByRole("link", { name: "Back to signing in" }).click();
});

test("a provider that can't be reached is told, and a password still works", async ({ page, provider, axe }) => {
  await provider.end();
  await page.goto("/sign-in");
  await page.getByRole("link", { name: `Sign in with ${providerName}` }).click();
  const alert = page.getByRole("alert").filter({ hasText: `${providerName} can't sign you in at the moment` });
  await expect(alert).toContainText("Try again in a few minutes, or sign in with your password.");
  await axe();
  await expect(page.getByLabel("Password")).toBeVisible();
});
