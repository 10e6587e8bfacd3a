// Alerts: what is told is set, an alert comes with a run and is read, programs are told and can be tried; with the page's program and without.

import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { expect, test } from "../support/test.ts";
import { connectDemo } from "../support/people.ts";
import { newSegment, runEnds, shareNow, shareToMap, sourceOf, toReview } from "../support/sharing.ts";

const settings = "/account/alerts";

/** A program that is told. */
async function receiver() {
  const messages: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      messages.push({ headers: request.headers, body: Buffer.concat(parts).toString("utf8") });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`;
  return { messages, url, end: () => new Promise((resolve) => server.close(resolve)) };
}

function isSigned({ headers, body }: { headers: IncomingHttpHeaders; body: string }, secret: string): boolean {
  const key = Buffer.from(secret.trim().replace(/^whsec_/, ""), "base64");
  const signed = createHmac("sha256", key).update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`).digest("base64");
  return String(headers["webhook-signature"]).split(" ").includes(`v1,${signed}`);
}

/** The bell once it says so; somebody without the page's program looks again. */
async function bellSays(page: Page, name: string): Promise<void> {
  await expect(async () => {
    await page.reload();
    await expect(page.getByRole("link", { name, exact: true })).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 30_000 });
}

test("an alert comes with a run, is read, and is well again by the share's own rules", async ({ newcomer: { page }, axe, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  await connectDemo(page);
  await page.goto("/alerts");
  await expect(page.getByText("Nothing was the matter so far.")).toBeVisible();
  await axe();
  await page.getByRole("link", { name: "What is told" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "What is told" })).toBeVisible();
  await page.getByLabel("Minutes late").fill("0");
  await page.getByLabel("Rows left out").fill("0");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "One thing needs mending" })).toBeVisible();
  await expect(page.getByLabel("Rows left out"), "what was typed stays").toHaveValue("0");
  await axe();
  await page.getByLabel("Minutes late").fill("30");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved. Every share is looked at by the new rules.")).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("Minutes late")).toHaveValue("30");

  await shareToMap(page, "All customers", { segment: { new: newSegment("Told") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  await shareNow(page);
  await runEnds(page);
  await bellSays(page, "Alerts, 1 not read");
  await page.getByRole("link", { name: /^Alerts/ }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Alerts" })).toBeVisible();
  const item = page.getByRole("listitem").filter({ hasText: "Many rejects" });
  await expect(item).toContainText(/rows were left out/);
  await axe();
  await page.getByRole("button", { name: "Mark all as read" }).click();
  await expect(page.getByRole("link", { name: "Alerts", exact: true })).toBeVisible();
  await item.getByRole("link", { name: /^See the rejects/ }).click();
  await expect(page.getByRole("heading", { level: 1, name: /^Run of/ })).toBeVisible();

  await page.goto("/alerts");
  await item.getByRole("link", { name: /All customers to Beacon Mail/ }).first().click();
  await expect(page.getByRole("region", { name: "Alerts" })).toContainText("Many rejects");
  await page.getByRole("link", { name: "What is told of this share" }).click();
  await page.getByLabel("Rows left out").fill("");
  await page.getByLabel("Percent left out").fill("90");
  await axe();
  await page.getByRole("button", { name: "Save for this share" }).click();
  await expect(page.getByText("Saved. These rules hold for this share only.")).toBeVisible();
  await bellSays(page, "Alerts, 1 not read");
  await page.goto("/alerts");
  await expect(page.getByText("Nothing is the matter now.")).toBeVisible();
  await expect(page.getByRole("region", { name: "Well again" })).toContainText("Many rejects, well again");
});

test("the end of a schedule is told before it comes, and is over once the schedule goes on", async ({ newcomer: { page }, axe, javaScriptEnabled }) => {
  await connectDemo(page);
  const mapping = await shareToMap(page, "High-value customers", { segment: { new: newSegment("Ends") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  if (!javaScriptEnabled) await page.getByRole("button", { name: "Save", exact: true }).last().click();
  const share = mapping.replace("/mapping", "");
  await page.goto(`${share}/when`);
  await page.getByRole("radio", { name: /^Again and again/ }).check();
  await page.getByLabel("Times of day").fill("23:50");
  await page.getByLabel("Ends", { exact: true }).selectOption("After a number of runs");
  await page.getByLabel("Number of runs").fill("3");
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await page.getByRole("button", { name: "Start the schedule" }).click();
  await bellSays(page, "Alerts, 1 not read");
  await page.goto("/alerts");
  const item = page.getByRole("listitem").filter({ hasText: "Schedule ends" });
  await expect(item).toContainText(/The last time of its schedule is .* at 23:50/);
  await axe();
  await page.goto("/");
  await expect(page.getByRole("region", { name: "Needs you now" })).toContainText("Schedule ends");
  await page.goto("/alerts");
  await item.getByRole("link", { name: /^Change the schedule/ }).click();
  await expect(page.getByRole("heading", { level: 1, name: "When and how" })).toBeVisible();
  await page.getByLabel("Ends", { exact: true }).selectOption("Never");
  await page.getByRole("button", { name: "Continue to the review" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Review" })).toBeVisible();
  await bellSays(page, "Alerts, 2 not read");
  await page.goto("/alerts");
  await expect(page.getByRole("region", { name: "Well again" })).toContainText("Schedule ends, over");

  // Whoever does not want to know empties the number.
  await page.goto(settings);
  await page.getByLabel("Days before the last run").fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved. Every share is looked at by the new rules.")).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("Days before the last run")).toHaveValue("");
});

test("a program is told by signed messages, and can be tried", async ({ newcomer: { page }, axe, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  const program = await receiver();
  await page.goto(settings);
  await expect(page.getByText("This installation has no mail server yet")).toBeVisible();
  await page.getByLabel("Address", { exact: true }).fill("http://169.254.169.254/");
  await page.getByRole("button", { name: "Add a webhook" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Usher may not call it" }).first()).toBeVisible();
  await page.getByLabel("Address", { exact: true }).fill(program.url);
  await page.getByRole("button", { name: "Add a webhook" }).click();
  await expect(page.getByText("No secret yet")).toBeVisible();
  const secretOf = async (button: string) => {
    const begun = page.waitForEvent("download");
    await page.getByRole("button", { name: button }).click();
    const file = await begun;
    const parts: Buffer[] = [];
    for await (const part of await file.createReadStream()) parts.push(part as Buffer);
    return Buffer.concat(parts).toString("utf8");
  };
  const first = await secretOf("Make its secret");
  if (!javaScriptEnabled) await page.reload();
  await expect(page.getByText("Is told", { exact: true })).toBeVisible();
  const second = await secretOf("Make a new secret");
  await page.reload();
  await axe();
  await page.getByRole("button", { name: /^Send a test message to/ }).click();
  await expect(page.getByText("A test message is on its way")).toBeVisible();
  const log = page.getByRole("region", { name: "What was sent" });
  await expect(async () => {
    if (!javaScriptEnabled) await page.reload();
    await expect(log.getByRole("row", { name: /Test message from Usher/ })).toContainText("Taken", { timeout: javaScriptEnabled ? 15_000 : 500 });
  }).toPass({ timeout: 30_000 });
  expect(program.messages).toHaveLength(1);
  const message = program.messages[0]!;
  expect([isSigned(message, first), isSigned(message, second), isSigned(message, "whsec_AAAA")]).toEqual([true, true, false]);
  expect(JSON.parse(message.body)).toMatchObject({ type: "alert.test" });
  await axe();
  await page.getByRole("button", { name: /^Remove/ }).click();
  await expect(page.getByText("Is told", { exact: true })).toBeHidden();
  await program.end();
});
