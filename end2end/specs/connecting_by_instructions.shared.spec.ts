// Click to Connect by the application's own steps: the key is handed over, the program registers itself, and the page tells so.

import { expect, test } from "../support/test.ts";
import { serveRegistering } from "../support/installation.ts";
import { download } from "../support/sharing.ts";

test("the page waits until the program has registered itself with its key", async ({ newcomer: { page }, javaScriptEnabled, axe }) => {
  await page.goto("/connect");
  await page.getByRole("link", { name: "Toolkit service" }).click();
  const steps = page.getByRole("region", { name: "What Toolkit service asks you to do" });
  await expect(steps.getByRole("listitem").first()).toContainText("Make the endpoint’s key");
  await expect(page.getByLabel("Address")).toHaveCount(0);
  await axe();
  await page.getByLabel("Name").fill("CRM of the north");
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await expect(page.getByText("It needs a key first")).toBeVisible();
  await axe();

  const key = await download(page, page.getByRole("button", { name: "Make a key" }));
  if (!javaScriptEnabled) await page.reload();
  await expect(page.getByText("Waiting until it registers with its key.")).toBeVisible();
  const program = await serveRegistering("Harbor of the north", key.text.trim());
  try {
    const registered = page.getByText("Offers audiences; Usher fetches them (PULL)");
    // With the page's program it shows by itself; without it, once it is loaded again.
    await expect(async () => {
      if (!javaScriptEnabled) await page.reload();
      await expect(registered).toBeVisible({ timeout: 2_000 });
    }).toPass({ timeout: 30_000 });
    await expect(page.getByText("Waiting until it registers")).toHaveCount(0);
    await expect(async () => {
      await page.reload();
      await expect(page.getByRole("row", { name: /High-value customers/ })).toBeVisible({ timeout: 2_000 });
    }).toPass({ timeout: 30_000 });
    await expect(page.getByText("Healthy")).toBeVisible();
    await expect(page.getByText(program.url)).toBeVisible();
    await axe();
  } finally {
    program.end();
  }
});
