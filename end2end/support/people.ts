// What people do before the part that a test is about: sign up, sign in, connect the demo's endpoints. Through the forms, as anybody.

import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { expect, type Page } from "@playwright/test";
import { running } from "./installation.ts";

/** Somebody who signs up. */
export interface Person {
  organisation: string;
  name: string;
  email: string;
  password: string;
}

/** The pages of the demo's endpoints. */
export interface Connected {
  /** e.g. `/endpoints/end_…` */
  harbor: string;
  beacon: string;
}

/** Somebody whom nobody has seen before. */
export function newPerson(organisation = "Acme Ltd"): Person {
  const unique = randomUUID().slice(0, 8);
  return { organisation, name: "Zoë O’Neill", email: `zoe.${unique}@example.com`, password: "correct horse battery staple" };
}

/** Makes an account; ends on the start page. */
export async function signUp(page: Page, person: Person): Promise<void> {
  await page.goto("/sign-up");
  await page.getByLabel("Organisation").fill(person.organisation);
  await page.getByLabel("Your name").fill(person.name);
  await page.getByLabel("E-mail address").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Home" })).toBeVisible();
}

/** Signs in; ends on the start page. */
export async function signIn(page: Page, person: Person): Promise<void> {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail address").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Home" })).toBeVisible();
}

/** Connects one of the demo's applications through Click to Connect; gives the endpoint's page. */
export async function connect(page: Page, application: string, address: string, key: string, name = application): Promise<string> {
  await page.goto("/connect");
  await page.getByRole("link", { name: application }).click();
  await expect(page.getByRole("heading", { level: 1, name: `Connect ${application}` })).toBeVisible();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Address").fill(address);
  await page.getByLabel("Authentication key").fill(key);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await expect(page.getByText(`${name} is connected.`)).toBeVisible();
  return new URL(page.url()).pathname;
}

/** Connects Harbor CRM, which offers audiences, and Beacon Mail, which takes them. */
export async function connectDemo(page: Page): Promise<Connected> {
  const { harbor, beacon, harborKey, beaconKey } = running();
  return {
    harbor: await connect(page, "Harbor CRM", harbor.url, harborKey),
    beacon: await connect(page, "Beacon Mail", beacon.url, beaconKey),
  };
}

/** Makes somebody who has signed up an operator, with the server's own command, as whoever runs the installation would. */
export async function makeOperator(person: Pick<Person, "email">): Promise<void> {
  const { program, environment } = running().usher;
  await promisify(execFile)(program, ["operator", "add", person.email], { env: { ...process.env, ...environment } });
}
