// The identifier lab while the numbering plans of telephones are still on their way: the page loads them for itself, where numbers are looked at.

import { expect, test } from "../support/test.ts";
import { beginShare, newSegment } from "../support/sharing.ts";
import { newPerson, signUp } from "../support/people.ts";
import { startWide } from "../support/wide.ts";

test("numbers are not called wrong before the numbering plans are there", async ({ page }) => {
  const numbers = ["+351 912 345 678", "+351 912 345 679", "+49 30 901820", "+44 20 7946 0958"];
  const wide = await startWide(3, numbers);
  try {
    await signUp(page, newPerson("Numbers Ltd"));
    await page.goto("/connect/app_toolkit_endpoint");
    await page.getByLabel("Name").fill("Wide warehouse");
    await page.getByLabel("Address").fill(wide.url);
    await page.getByLabel("Authentication key").fill(wide.key);
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await expect(page.getByText("Wide warehouse is connected.")).toBeVisible();
    await beginShare(page, "Everybody with everything");
    await page.getByRole("radio", { name: /Wide warehouse/ }).check();
    await page.getByRole("radio", { name: /A new segment/ }).check();
    await page.getByLabel("Name of the new segment").fill(newSegment("Numbers"));
    await page.getByRole("button", { name: "Continue to the mapping" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Mapping" })).toBeVisible();

    let letGo = () => {};
    const gate = new Promise<void>((open) => (letGo = open));
    await page.route("**/phones_bg.wasm", async (route) => {
      await gate;
      await route.continue();
    });
    await page.reload();
    const lab = page.locator("details.lab");
    await lab.locator("summary").click();
    await page.getByLabel("Field", { exact: true }).selectOption("attribute_001");
    await expect(lab.getByText("The numbering plans of telephones are on their way")).toBeVisible();
    await expect(lab.locator("tbody tr")).toHaveCount(0);
    letGo();
    await expect(lab.getByText("The numbering plans of telephones are on their way")).toHaveCount(0);
    await expect(lab.locator("tbody tr").first()).toBeVisible();
    await expect(lab.locator("tbody")).not.toContainText("The value");

    // Rendered by the server with the plans, the lab is taken over with them.
    await page.goto(`${new URL(page.url()).pathname}?lab=open&lab_field=attribute_001`);
    await expect(lab.locator("tbody tr").first()).toBeVisible();
    await expect(lab.locator("tbody")).not.toContainText("The value");
  } finally {
    wide.end();
  }
});
