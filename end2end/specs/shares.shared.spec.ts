// The list of shares: found by words and by where they stand; with the page's program and without.

import { expect, test } from "../support/test.ts";
import { connectDemo } from "../support/people.ts";
import { newSegment, shareToMap } from "../support/sharing.ts";

test("shares are found by words and by where they stand, and the address says what is asked for", async ({ newcomer: { page }, axe, javaScriptEnabled }) => {
  await connectDemo(page);
  await page.goto("/shares");
  await expect(page.getByText("Nothing is shared yet.")).toBeVisible();
  const segment = newSegment("Spring");
  await shareToMap(page, "Lisbon and Porto", { segment: { new: newSegment("Autumn") } });
  await shareToMap(page, "All customers", { segment: { new: segment } });
  await page.goto("/shares");
  const count = page.getByRole("status").filter({ hasText: /share/ });
  await expect(count).toHaveText("2 shares");
  await page.getByRole("searchbox").fill("SPRING beacon");
  await page.getByRole("searchbox").press("Enter");
  await expect(page).toHaveURL(/q=SPRING/);
  await expect(count).toHaveText("1 share");
  await expect(page.getByRole("row", { name: /All customers/ })).toContainText(segment);
  await axe();

  await page.getByLabel("Status").selectOption("Shared");
  // Without the program a choice waits for the button.
  if (!javaScriptEnabled) await page.getByRole("button", { name: "Search", exact: true }).click();
  await expect(page).toHaveURL(/state=active/);
  await expect(page.getByText("No share matches.")).toBeVisible();
  await page.goBack();
  await expect(count).toHaveText("1 share");
  // Without the program the browser puts back what was chosen.
  if (javaScriptEnabled) await expect(page.getByLabel("Status")).toHaveValue("");
  await page.getByRole("link", { name: "Show all shares" }).click();
  await expect(count).toHaveText("2 shares");
  await expect(page.getByRole("searchbox")).toHaveValue("");
});
