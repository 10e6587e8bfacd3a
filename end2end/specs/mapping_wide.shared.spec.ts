// A mapping with very many fields: the lists have all options without the page's program; with it, while a person is at them.

import type { Page } from "@playwright/test";
import { expect, test } from "../support/test.ts";
import { sourceOf } from "../support/sharing.ts";
import { mapWide, startWide } from "../support/wide.ts";

const fields = 60;
const options = (page: Page) => page.locator("select.source-select option");

test("with many fields on both sides each list offers all of them to whoever is at it", async ({ page, javaScriptEnabled }) => {
  const wide = await startWide(fields);
  try {
    await mapWide(page, wide);
    // As somebody sees it who comes back.
    await page.reload();
    const last = sourceOf(page, `Attribute ${fields - 1}`);
    if (javaScriptEnabled) {
      await expect.poll(() => options(page).count(), "what nobody is at is short").toBeLessThan(fields * 6);
      await last.focus();
    }
    await expect.poll(() => last.locator("option").count()).toBeGreaterThan(fields - 2);
    await last.selectOption("attribute_007");
    if (javaScriptEnabled) {
      await expect(page.getByRole("status").filter({ hasText: /^Saved$/ })).toBeVisible();
      await page.getByRole("button", { name: /^Accept all above/ }).click();
      await expect(page.getByRole("button", { name: /^Accept all above/ })).toBeHidden();
      await expect(sourceOf(page, "Attribute 30"), "a list that nobody was at says what was accepted").toHaveValue("attribute_030");
      await expect(last, "what a person set stays").toHaveValue("attribute_007");
      await page.getByRole("button", { name: "Undo" }).click();
      await expect(sourceOf(page, "Attribute 30")).toHaveValue("");
      await page.getByRole("button", { name: "Redo" }).click();
      const table = page.locator(".preview-table");
      await expect(table, "the live table follows").toHaveAttribute("aria-colcount", String(fields + 1));
      const column = (name: string) => table.locator(`th[data-column="${name}"]`);
      await expect(column("attribute_001")).toBeAttached();
      expect(await table.locator("th[data-column]").count(), "what nobody sees is not made").toBeLessThan(fields / 2);
      await table.scrollIntoViewIfNeeded();
      await page.locator("#preview-rows").evaluate((rows) => rows.scrollTo(rows.scrollWidth, 0));
      await expect(column("attribute_059"), "what comes into sight is").toBeInViewport();
      await expect(column("attribute_001")).not.toBeAttached();
      await page.setViewportSize({ width: 390, height: 900 });
      await expect(table.locator("th[data-column]"), "one below the other, all are there").toHaveCount(fields);
      await page.setViewportSize({ width: 1440, height: 900 });
      await sourceOf(page, "Attribute 3").focus();
      await expect(page.getByRole("status").filter({ hasText: /^Saved$/ })).toBeVisible();
    } else {
      await page.getByRole("button", { name: "Save", exact: true }).last().click();
    }
    await page.reload();
    await expect(sourceOf(page, `Attribute ${fields - 1}`)).toHaveValue("attribute_007");
  } finally {
    wide.end();
  }
});
