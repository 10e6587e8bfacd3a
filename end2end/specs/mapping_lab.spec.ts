// The identifier lab while the numbering plans of telephones are still on their way: the page loads them for itself, where numbers are looked at.

import { expect, test } from "../support/test.ts";
import { mapWide, startWide } from "../support/wide.ts";

test("numbers are not called wrong before the numbering plans are there", async ({ page }) => {
  const numbers = ["+351 912 345 678", "+351 912 345 679", "+49 30 901820", "+44 20 7946 0958"];
  const wide = await startWide(3, numbers);
  try {
    await mapWide(page, wide);

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
