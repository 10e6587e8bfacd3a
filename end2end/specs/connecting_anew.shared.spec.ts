// An endpoint that is connected already, connected anew: other credentials, another consent, a newer version of its application. It stays the same.

import { randomUUID } from "node:crypto";
import { expect, test } from "../support/test.ts";
import { connect } from "../support/people.ts";
import { running } from "../support/installation.ts";
import { approve, beaconLike } from "../support/approving.ts";
import { approveConsenting, startAuthority } from "../support/authority.ts";
import { beginShare, newSegment, runEnds, shareNow, sourceOf, toReview } from "../support/sharing.ts";

test("credentials are changed once the new ones have passed the test", async ({ newcomer: { page }, axe, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  const { harbor, harborKey } = running();
  const endpoint = await connect(page, "Harbor CRM", harbor.url, harborKey);
  await page.getByRole("link", { name: "Change credentials" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Change credentials" })).toBeVisible();
  await expect(page.getByLabel("Address")).toHaveValue(`${harbor.url}/`);
  await axe();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("textbox", { name: "Authentication key" })).toHaveAttribute("aria-invalid", "true");

  const key = page.getByLabel("Authentication key");
  const report = page.getByRole("region", { name: "Connection test" });
  await key.fill("not-the-key-at-all");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(report).toContainText("It does not work so. Everything stays as it was.");
  await expect(report.getByRole("listitem").filter({ hasText: "Failed" }).first()).toContainText("Accept the key");
  await expect(report).not.toContainText("not-the-key-at-all");
  await axe();
  await page.goto(endpoint);
  await page.getByRole("button", { name: "Check now" }).click();
  await expect(page.getByText("It answers.", { exact: false })).toBeVisible();

  await page.goto(`${endpoint}/credentials`);
  await key.fill(harborKey);
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(report).toContainText("Every step went well. You can save it.");
  await key.fill(harborKey);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("What Usher calls it with was changed.")).toBeVisible();
  expect(new URL(page.url()).pathname, "it is the same endpoint").toBe(endpoint);
  await expect(page.getByText("Healthy")).toBeVisible();
});

test("a consent that was taken back is said, and given again on the same endpoint", async ({ newcomer: { page }, axe, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 502/);
  // So short that each call renews the token.
  const authority = await startAuthority(30);
  const unique = randomUUID().slice(0, 8);
  approveConsenting(authority, `app_again_${unique}`, `Beacon ${unique}`);
  try {
    const consent = async (answer: "Allow" | "Deny") => {
      await page.getByRole("button", { name: "Ask for consent" }).click();
      await page.getByRole("link", { name: `Continue to Beacon ${unique}` }).click();
      await page.getByRole("link", { name: answer }).click();
    };
    await page.goto(`/connect/app_again_${unique}`);
    await page.getByLabel("Name").fill("Mail by consent");
    await consent("Allow");
    await expect(page.getByText("Mail by consent is connected.")).toBeVisible();
    const endpoint = new URL(page.url()).pathname;
    await page.getByRole("button", { name: "Check now" }).click();
    await expect(page.getByText("It answers.")).toBeVisible();
    await expect(page.getByText("The consent has ended.")).toHaveCount(0);

    authority.revoke();
    await page.getByRole("button", { name: "Check now" }).click();
    await expect(page.getByText(/consent is not valid any more/).first()).toBeVisible();
    await page.goto(endpoint);
    await expect(page.getByText("The consent has ended.")).toBeVisible();
    await axe();
    await page.goto("/");
    await page.getByRole("region", { name: "Needs you now" }).getByRole("link", { name: /^Consent again/ }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Consent again" })).toBeVisible();
    expect(new URL(page.url()).pathname).toBe(`${endpoint}/credentials`);
    await axe();
    await consent("Deny");
    await expect(page.getByText(`You did not consent at Beacon ${unique}, so that all stays as it was.`)).toBeVisible();

    await consent("Allow");
    await expect(page.getByText("Mail by consent lets Usher in again.")).toBeVisible();
    expect(new URL(page.url()).pathname, "it is the same endpoint").toBe(endpoint);
    await expect(page.getByText("The consent has ended.")).toHaveCount(0);
    await page.getByRole("button", { name: "Check now" }).click();
    await expect(page.getByText("It answers.")).toBeVisible();
    await page.goto("/endpoints");
    await expect(page.getByRole("link", { name: "Mail by consent" })).toHaveCount(1);
  } finally {
    authority.end();
  }
});

test("a newer version of its application is taken up, with what it changes and breaks before one's eyes", async ({ newcomer: { page }, axe, javaScriptEnabled }) => {
  const { harbor, harborKey, beacon, beaconKey } = running();
  const unique = randomUUID().slice(0, 8);
  const [id, name] = [`app_newer_${unique}`, `Letters ${unique}`];
  approve(id, 1, beaconLike(name));
  const endpoint = await connect(page, name, beacon.url, beaconKey);
  await expect(page.getByText(/is approved\. This endpoint keeps/)).toHaveCount(0);

  if (javaScriptEnabled) {
    await connect(page, "Harbor CRM", harbor.url, harborKey);
    await beginShare(page, "Lisbon and Porto");
    await page.getByRole("radio", { name: new RegExp(name) }).check();
    await page.getByRole("radio", { name: /A new segment/ }).check();
    await page.getByLabel("Name of the new segment").fill(newSegment("Readers"));
    await page.getByRole("button", { name: "Continue to the mapping" }).click();
    await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
    await page.getByRole("status").filter({ hasText: /^Saved$/ }).waitFor();
    await toReview(page);
    await shareNow(page);
    await runEnds(page);
  }

  const loyalty = { name: "loyalty_id", kind: "identifier", type: "customer_id", required: true };
  approve(id, 2, { ...beaconLike(name), description: "Writes letters, on paper.", fields: [loyalty] });
  await page.goto(endpoint);
  await expect(page.getByText(`Version 2 of ${name} is approved. This endpoint keeps to version 1, which goes on working.`)).toBeVisible();
  await axe();
  await page.getByRole("link", { name: "See what changes" }).click();
  await expect(page.getByRole("heading", { level: 1, name: `Version 2 of ${name}` })).toBeVisible();
  await expect(page.getByRole("row", { name: /Description/ })).toContainText("Writes letters, on paper.");
  await expect(page.getByRole("row", { name: /Field loyalty_id/ })).toContainText("required");
  const broken = page.getByRole("region", { name: "Shares that it breaks" });
  if (javaScriptEnabled) await expect(broken.getByRole("listitem")).toContainText("loyalty_id");
  await expect(page.getByLabel("Authentication key"), "the key that it has is good enough").toHaveCount(0);
  await axe();

  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(page.getByText("Every step went well. You can take the version up.")).toBeVisible();
  await expect(broken, "Beacon Mail itself asks for no such field").toContainText("every share fits what the endpoint says of itself");
  await page.goto(endpoint);
  await expect(page.getByText("version 1", { exact: true }), "a test changes nothing").toBeVisible();

  await page.getByRole("link", { name: "See what changes" }).click();
  await page.getByRole("button", { name: "Take this version up" }).click();
  await expect(page.getByText(`${name} is version 2 of ${name} now.`)).toBeVisible();
  expect(new URL(page.url()).pathname).toBe(endpoint);
  await expect(page.getByText("version 2", { exact: true })).toBeVisible();
  await expect(page.getByRole("link", { name: "See what changes" })).toHaveCount(0);
  await page.goto(`${endpoint}/version`);
  await expect(page.getByText("is at the newest approved version already")).toBeVisible();
});
