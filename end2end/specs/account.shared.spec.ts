// The account's page: how long rows are kept, and whether a receipt is genuine; with the page's program and without.

import { expect, test } from "../support/test.ts";
import { connectDemo } from "../support/people.ts";
import { download, newSegment, runEnds, shareNow, shareToMap, sourceOf, toReview } from "../support/sharing.ts";

test("how long rows are kept is set by an admin, and said back", async ({ newcomer: { page, person }, axe, expectComplaint, javaScriptEnabled }) => {
  if (javaScriptEnabled) expectComplaint(/status of 422/);
  await page.goto("/account");
  await expect(page.getByRole("heading", { level: 1, name: "Account" })).toBeVisible();
  await expect(page.getByText("7\u00a0days after its end")).toBeVisible();
  const days = page.getByLabel("Days", { exact: true });
  await days.fill("a week");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Enter a whole number of days" })).toBeVisible();
  await expect(days, "what was typed stays").toHaveValue("a week");
  await axe();
  await days.fill("400");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "from 0 to 365" })).toBeVisible();
  await days.fill("30");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved. Rows of runs are kept for 30\u00a0days after the end of the run.")).toBeVisible();
  await page.goto("/account");
  await expect(page.getByText("30\u00a0days after its end")).toBeVisible();
  await expect(page.getByText(`Set by ${person.name}`)).toBeVisible();
  await expect(days).toHaveValue("30");
  await days.fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("7\u00a0days after its end")).toBeVisible();
});

test("a receipt is known again, and one that was changed is not", async ({ newcomer: { page } }) => {
  await connectDemo(page);
  await shareToMap(page, "High-value customers", { segment: { new: newSegment("Receipt") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await toReview(page);
  await shareNow(page);
  await runEnds(page);
  const { text: receipt } = await download(page, page.getByRole("link", { name: "Download the receipt" }));
  const check = async (text: string) => {
    await page.goto("/account");
    await page.getByLabel("Receipt (JSON)").setInputFiles({ name: "receipt.json", mimeType: "application/json", buffer: Buffer.from(text) });
    await page.getByRole("button", { name: "Check" }).click();
  };
  await check(receipt);
  await expect(page.getByText(/Genuine: run_\S+ from High-value customers \(Harbor CRM\)/)).toBeVisible();
  await check(receipt.replace('"read":', '"read":1'));
  await expect(page.getByRole("alert").filter({ hasText: "something in it was changed" })).toBeVisible();
  await check("not a receipt");
  await expect(page.getByRole("alert").filter({ hasText: "not a receipt of Usher" })).toBeVisible();
});
