// Click to Connect: with the page's program and without.

import { expect, test } from "../support/test.ts";
import { connect, connectDemo } from "../support/people.ts";
import { running } from "../support/installation.ts";
import { download } from "../support/sharing.ts";

test("the gallery is searched by word and narrowed by category, and marks what is connected", async ({ newcomer: { page }, axe }) => {
  await page.goto("/connect");
  const cards = page.locator(".cards .card");
  await expect(page.getByRole("link", { name: "Harbor CRM" })).toBeVisible();
  const all = await cards.count();
  await expect(page.getByRole("status").filter({ hasText: "applications" })).toHaveText(new RegExp(`^${all}\\sapplications$`));
  await page.getByLabel("Search applications").fill("mail");
  await page.getByRole("searchbox").press("Enter");
  await expect(page).toHaveURL(/\/connect\?q=mail/);
  await expect(page.getByRole("link", { name: "Beacon Mail" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Harbor CRM" })).toBeHidden();

  // Categories tell how many of what was found each has, and stand in the address with the words.
  const categories = page.getByRole("region", { name: "Category" });
  await page.goto("/connect");
  await categories.getByRole("link", { name: /^CRM/ }).click();
  await expect(page).toHaveURL(/category=crm/);
  await expect(categories.getByRole("link", { name: /^CRM/ })).toHaveAttribute("aria-current", "true");
  await expect(page.getByRole("link", { name: "Harbor CRM" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Beacon Mail" })).toBeHidden();
  await expect(categories.getByRole("link", { name: new RegExp(`^CRM ${await cards.count()}$`) })).toBeVisible();
  await axe();
  await categories.getByRole("link", { name: /^Mail/ }).click();
  await expect(page.getByRole("link", { name: "Beacon Mail" })).toBeVisible();
  await page.getByLabel("Search applications").fill("harbor");
  await page.getByRole("searchbox").press("Enter");
  await expect(page).toHaveURL(/q=harbor/);
  await expect(page, "what was chosen stays").toHaveURL(/category=crm.*category=mail/);
  await expect(page.getByRole("link", { name: "Beacon Mail" })).toBeHidden();
  await page.getByRole("list", { name: "Narrowed by" }).getByRole("link", { name: /Without CRM/ }).click();
  await expect(page.getByText("No application matches. None of Mail says “harbor”.")).toBeVisible();
  await axe();
  await page.getByRole("link", { name: "Search all categories" }).click();
  await expect(page.getByRole("link", { name: "Harbor CRM" })).toBeVisible();

  await page.getByLabel("Search applications").fill("no such thing");
  await page.getByRole("searchbox").press("Enter");
  await expect(page.getByText("No application matches.")).toBeVisible();
  await page.getByRole("link", { name: "Show all applications" }).click();
  await expect(cards).toHaveCount(all);

  const { harbor, harborKey } = running();
  const card = cards.filter({ hasText: "Harbor CRM" });
  await expect(card).not.toContainText("Connected");
  await connect(page, "Harbor CRM", harbor.url, harborKey);
  await page.goto("/connect");
  await expect(card).toContainText("Connected");
});

test("the test names the step that fails and saves nothing; with the right key it connects", async ({ newcomer: { page }, axe }) => {
  const { harbor, harborKey } = running();
  await page.goto("/connect");
  await page.getByRole("link", { name: "Harbor CRM" }).click();
  const [address, key] = [page.getByLabel("Address"), page.getByLabel("Authentication key")];
  const report = page.getByRole("region", { name: "Connection test" });

  await address.fill(harbor.url);
  await key.fill("not-the-key-at-all");
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(report).toContainText("It can't be connected so. Nothing was saved.");
  await expect(report.getByRole("listitem").filter({ hasText: "Failed" }).first()).toContainText(/key/i);
  await expect(report).not.toContainText("not-the-key-at-all");
  await axe();

  // Nothing listens on the port that nobody may have.
  await address.fill("http://127.0.0.1:1");
  await key.fill(harborKey);
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(report.getByRole("listitem").filter({ hasText: "Failed" }).first()).toContainText(/refused|could not|can't be reached|no connection/i);
  await expect(address, "what was typed stays").toHaveValue("http://127.0.0.1:1");

  await address.fill(harbor.url);
  await key.fill(harborKey);
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(report).toContainText("Every step went well. You can connect it.");
  await page.goto("/endpoints");
  await expect(page.getByText("Nothing is connected yet."), "a test saves nothing").toBeVisible();

  const endpoint = await connect(page, "Harbor CRM", harbor.url, harborKey);
  await expect(page.getByRole("heading", { level: 1, name: "Harbor CRM" })).toBeVisible();
  await expect(page.getByText("Healthy")).toBeVisible();
  const steps = page.locator(".report-again").getByRole("listitem");
  await expect(steps.filter({ hasText: "Passed" }), "what was tried is still there to see").toHaveCount(await steps.count());
  expect(await steps.count()).toBeGreaterThan(2);
  await expect(page.getByRole("row", { name: /High-value customers/ })).toBeVisible();
  await page.goto("/endpoints");
  await expect(page.getByRole("link", { name: "Harbor CRM" })).toHaveAttribute("href", endpoint);
});

test("a connection that fails its test shows every step, and is not made", async ({ newcomer: { page } }) => {
  await page.goto("/connect");
  await page.getByRole("link", { name: "Harbor CRM" }).click();
  await page.getByLabel("Address").fill(running().harbor.url);
  await page.getByLabel("Authentication key").fill("not-the-key-at-all");
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  const report = page.getByRole("region", { name: "Connection test" });
  await expect(report.getByRole("listitem").filter({ hasText: "Passed" }).first()).toBeVisible();
  await expect(report.getByRole("listitem").filter({ hasText: "Failed" }).first()).toContainText(/key/i);
  await expect(report).toContainText("Nothing was saved.");
  await expect(page.getByLabel("Address")).toHaveValue(running().harbor.url);
  await page.goto("/endpoints");
  await expect(page.getByText("Nothing is connected yet.")).toBeVisible();
});

test("missing and impossible entries are said at their fields", async ({ newcomer: { page }, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  await page.goto("/connect");
  await page.getByRole("link", { name: "Beacon Mail" }).click();
  await page.getByLabel("Name").fill("Beacon of the north");
  await page.getByLabel("Address").fill("ftp://example.com");
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  const address = page.getByRole("textbox", { name: "Address" });
  await expect(address).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByRole("textbox", { name: "Name" })).toHaveValue("Beacon of the north");
  await expect(address).toHaveValue("ftp://example.com");
});

test("both demo endpoints show what they are, and answer when they are checked", async ({ newcomer: { page }, axe }) => {
  const { beacon } = await connectDemo(page);
  await page.goto("/endpoints");
  await expect(page.getByRole("row", { name: /Harbor CRM/ })).toContainText("Offers audiences; Usher fetches them (PULL)");
  await expect(page.getByRole("row", { name: /Beacon Mail/ })).toContainText("Takes audiences; Usher sends them (PUSH)");
  await axe();
  await page.goto(beacon);
  await expect(page.getByRole("table").getByRole("row", { name: /email.*Required/ })).toBeVisible();
  await page.getByRole("button", { name: "Check now" }).click();
  await expect(page.getByText("It answers.")).toBeVisible();
  await axe();
});

test("an application that calls Usher gets a key, once, and says by itself what it is", async ({ newcomer: { page }, axe }) => {
  await page.goto("/connect");
  await page.getByRole("link", { name: "Toolkit agent" }).click();
  await expect(page.getByLabel("Address")).toHaveCount(0);
  await page.getByLabel("Name").fill("Shop behind the firewall");
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await expect(page.getByText("Shop behind the firewall may call. Make its key below.")).toBeVisible();
  await axe();

  const first = await download(page, page.getByRole("button", { name: "Make a key" }));
  expect(first.name).toBe("usher-endpoint.key");
  const call = async (key: string, body?: object) =>
    await fetch(new URL("/v1/endpoint", page.url()), {
      method: body === undefined ? "GET" : "PUT",
      headers: { authorization: `Bearer ${key.trim()}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const described = await call(first.text, { name: "Shop", producer: { movement: "PUSH" } });
  expect(described.status).toBe(200);
  await page.reload();
  await expect(page.getByText("Healthy")).toBeVisible();
  await expect(page.getByText("Offers audiences; sends them itself (PUSH)")).toBeVisible();
  await expect(page.getByText("It has declared none yet.")).toBeVisible();

  // The key is exchanged without a gap: two are valid, until the first is revoked.
  const second = await download(page, page.getByRole("button", { name: "Make a second key" }));
  expect((await call(first.text)).status).toBe(200);
  expect((await call(second.text)).status).toBe(200);
  await page.reload();
  const keys = page.getByRole("region", { name: "Endpoint keys" });
  await expect(keys.getByText("Two keys are valid at a time.")).toBeVisible();
  await expect(keys.getByRole("button", { name: /Make a/ })).toHaveCount(0);
  await keys.getByRole("row", { name: first.text.trim().slice(-4) }).getByRole("link", { name: /Revoke/ }).click();
  await expect(keys.getByText("The other key stays valid.")).toBeVisible();
  await axe();
  await keys.getByRole("button", { name: "Revoke it" }).click();
  await expect(page.getByText("The key is revoked.")).toBeVisible();
  expect((await call(first.text)).status, "a revoked key opens nothing").toBe(401);
  expect((await call(second.text)).status).toBe(200);
  await page.reload();
  const log = page.getByRole("region", { name: "Calls" });
  await expect(log.getByRole("row", { name: /PUT v1\/endpoint/ }).first()).toContainText("200");
  await expect(log).not.toContainText("usher_key");
});

test("an endpoint is paused, goes on, and is disconnected with what depends on it before one's eyes", async ({ newcomer: { page }, expectComplaint, javaScriptEnabled, axe }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  const { beacon } = await connectDemo(page);
  await page.goto(beacon);
  await expect(page.getByRole("region", { name: "Shares that use it" })).toContainText("None yet.");
  await page.getByRole("button", { name: "Check now" }).click();
  await expect(page.getByRole("region", { name: "Calls" }).getByRole("row", { name: /GET v1\/health|GET v1\/endpoint|GET v1\/segments/ }).first()).toBeVisible();
  await page.getByRole("link", { name: "Ask for its segments" }).click();
  await expect(page.getByRole("region", { name: "Segments that it has" })).not.toContainText("Ask for its segments");
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText(/^Paused by Zoë O’Neill/)).toBeVisible();
  await axe();
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByText(/^Paused by/)).toBeHidden();

  await page.getByRole("link", { name: /^Disconnect/ }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Disconnect Beacon Mail" })).toBeVisible();
  await axe();
  await page.getByLabel("Name").fill("Beacon");
  await page.getByRole("button", { name: "Disconnect for good" }).click();
  await expect(page.getByLabel("Name")).toHaveAttribute("aria-invalid", "true");
  await page.getByLabel("Name").fill("Beacon Mail");
  await page.getByRole("button", { name: "Disconnect for good" }).click();
  await expect(page.getByText("Beacon Mail is disconnected.")).toBeVisible();
  await expect(page.getByRole("link", { name: "Harbor CRM" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Beacon Mail" })).toHaveCount(0);
  await page.goto(beacon);
  await expect(page.getByText(/^Disconnected by Zoë O’Neill/)).toBeVisible();
  await expect(page.getByRole("button", { name: "Check now" })).toHaveCount(0);
});
