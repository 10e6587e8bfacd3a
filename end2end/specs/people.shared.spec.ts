// The people of an account: invited by a link, joining, changing role, going from one account to another, removed; with the page's program and without.

import { expect, test, waitForProgram } from "../support/test.ts";
import { newPerson, signIn, signUp } from "../support/people.ts";
import type { Page } from "@playwright/test";

/** Makes an invitation; gives its link. */
async function invite(page: Page, email: string, role: string): Promise<string> {
  await page.goto("/people");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByRole("radio", { name: new RegExp(`^${role}`) }).check();
  await page.getByRole("button", { name: "Make the link" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Invitation" })).toBeVisible();
  return await page.getByLabel("Link", { exact: true }).inputValue();
}

test("somebody is invited, joins, gets another role, goes from account to account, and is removed", async ({
  newcomer: { page, person },
  browser,
  baseURL,
  axe,
  javaScriptEnabled,
  expectComplaint,
}) => {
  // Pages that may not be seen, or are no more, say so with their status.
  expectComplaint(/status of (401|403|404|422)/);
  const context = await browser.newContext({ ...(baseURL === undefined ? {} : { baseURL }), javaScriptEnabled });
  const other = await context.newPage();
  waitForProgram(other, javaScriptEnabled);
  const guest = { ...newPerson("Umber Works"), name: "Vera Vine" };

  await page.goto("/people");
  await expect(page.getByRole("row", { name: new RegExp(person.email) })).toContainText("admin (the only one)");
  await page.getByLabel("E-mail address").fill("no address");
  await page.getByRole("button", { name: "Make the link" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Enter an e-mail address" })).toBeVisible();
  await expect(page.getByLabel("E-mail address"), "what was typed stays").toHaveValue("no address");
  await axe();
  const link = await invite(page, guest.email, "viewer");
  expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/invitation\/[0-9a-f]{64}$/);
  expect(page.url(), "the link is in no address of ours").not.toContain(new URL(link).pathname);
  await axe();

  await test.step("joins by signing up", async () => {
    await other.goto(link);
    await expect(other.getByRole("heading", { level: 1, name: `Join ${person.organisation}` })).toBeVisible();
    await expect(other.getByLabel("E-mail address")).toHaveValue(guest.email);
    await axe(other);
    await other.getByLabel("Your name").fill(guest.name);
    await other.getByLabel("Password").fill("short");
    await other.getByRole("button", { name: "Sign up and join" }).click();
    await expect(other.getByRole("alert").filter({ hasText: "12 to 200 characters" })).toBeVisible();
    await expect(other.getByLabel("Your name")).toHaveValue(guest.name);
    await other.getByLabel("Password").fill(guest.password);
    await other.getByRole("button", { name: "Sign up and join" }).click();
    await expect(other.getByRole("heading", { level: 1, name: "Home" })).toBeVisible();
    await expect(other.getByRole("banner")).toContainText(person.organisation);
    await other.goto("/people");
    await expect(other.getByText("An admin of this account can invite people")).toBeVisible();
    await expect(other.getByRole("button", { name: "Make the link" })).toHaveCount(0);
    await axe(other);
  });

  await test.step("the link is used up", async () => {
    await page.goto("/people");
    await expect(page.getByRole("heading", { name: "Invited" })).toHaveCount(0);
    await other.goto(link);
    await expect(other.getByText("it was used or withdrawn, or has expired")).toBeVisible();
  });

  await test.step("gets another role", async () => {
    await page.goto("/people");
    await page.getByLabel(`Role of ${guest.name}`, { exact: true }).selectOption("member");
    await page.getByRole("button", { name: `Change the role of ${guest.name}` }).click();
    await expect(page.getByText("The role is changed.")).toBeVisible();
    await expect(page.getByText(`made ${guest.name} a member, who was a viewer`)).toBeVisible();
    await expect(page.getByLabel(`Role of ${guest.name}`, { exact: true })).toHaveValue("member");
  });

  await test.step("is invited elsewhere, and goes from one account to the other", async () => {
    const owner = newPerson("Zinnia Trading");
    const third = await browser.newContext({ ...(baseURL === undefined ? {} : { baseURL }), javaScriptEnabled });
    const elsewhere = await third.newPage();
    waitForProgram(elsewhere, javaScriptEnabled);
    await signUp(elsewhere, owner);
    await other.goto(await invite(elsewhere, guest.email, "admin"));
    await third.close();
    await expect(other.getByText(`You are signed in as ${guest.name}`)).toBeVisible();
    await axe(other);
    await other.getByRole("button", { name: "Join Zinnia Trading" }).click();
    await expect(other.getByRole("banner")).toContainText("Zinnia Trading");
    await other.locator("summary", { hasText: "Zinnia Trading" }).click();
    await axe(other);
    await other.getByRole("button", { name: new RegExp(person.organisation) }).click();
    await expect(other.getByRole("heading", { level: 1, name: "Home" })).toBeVisible();
    await expect(other.locator("summary", { hasText: person.organisation })).toBeVisible();
  });

  await test.step("is removed from the one, and goes on in the other", async () => {
    await page.goto("/people");
    await page.locator("summary", { hasText: `Remove ${guest.name}` }).click();
    await axe();
    await page.getByRole("button", { name: `Remove ${guest.name}` }).click();
    await expect(page.getByText("They are no longer in the account")).toBeVisible();
    await expect(page.getByText(`removed ${guest.name} (${guest.email})`)).toBeVisible();
    await expect(page.getByRole("row", { name: new RegExp(guest.email) })).toHaveCount(0);
    await other.goto("/audiences");
    await expect(other, "what they had open has ended").toHaveURL("/sign-in?next=%2Faudiences");
    await signIn(other, guest);
    await expect(other.getByRole("banner")).toContainText("Zinnia Trading");
  });
  await context.close();
});

test("name, address and password are one's own to change", async ({ newcomer: { page, person }, axe, expectComplaint }) => {
  expectComplaint(/status of (401|422)/);
  await page.goto("/profile");
  await axe();
  await page.getByLabel("Your name").fill("Zoë van der Berg");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await expect(page.locator("summary", { hasText: "Zoë van der Berg" }), "every page says so").toBeVisible();
  const email = person.email.replace("zoe.", "zoe-b.");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Enter your present password." })).toBeVisible();
  await expect(page.getByLabel("E-mail address")).toHaveValue(email);
  await page.getByLabel("Present password, to change the address").fill(person.password);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await page.getByLabel("Present password", { exact: true }).fill("not the password at all");
  await page.getByLabel("New password").fill("another sentence to remember");
  await page.getByRole("button", { name: "Change the password" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "This is not your present password." })).toBeVisible();
  await page.getByLabel("Present password", { exact: true }).fill(person.password);
  await page.getByLabel("New password").fill("another sentence to remember");
  await page.getByRole("button", { name: "Change the password" }).click();
  await expect(page.getByText("The password is changed.")).toBeVisible();
  await page.context().clearCookies();
  await signIn(page, { ...person, email, password: "another sentence to remember" });
});
