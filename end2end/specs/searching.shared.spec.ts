// The catalogue: searched by form, filtered by link, all of it in the address. With the page's program and without.

import { expect, test } from "../support/test.ts";
import { running } from "../support/installation.ts";
import { connect } from "../support/people.ts";

test("audiences are found by word, whatever their accents and case", async ({ member: { page } }) => {
  await page.goto("/audiences");
  await expect(page.getByRole("status").filter({ hasText: "audiences" })).toHaveText(/^7/);
  for (const [words, found] of [
    ["LISBÔN", "Lisbon and Porto"],
    ["forgotten harbor", "Asked to be forgotten"],
    ["win-back", "Lapsed since a year"],
  ] as const) {
    await page.getByRole("searchbox").fill(words);
    await page.getByRole("searchbox").press("Enter");
    await expect(page.getByRole("status").filter({ hasText: "audience" })).toHaveText(/^1\s/);
    await expect(page.getByRole("rowheader").getByRole("link")).toHaveText(found);
  }
});

test("a search that finds nothing says so and leads back", async ({ member: { page }, axe }) => {
  await page.goto("/audiences?q=penguins");
  await expect(page.getByText("Nothing matches “penguins”.")).toBeVisible();
  await axe();
  await page.getByRole("link", { name: "Show all audiences" }).click();
  await expect(page.getByRole("row", { name: /All customers/ })).toBeVisible();
});

test("the endpoint's facet and the words stay in the address, and Back takes them back", async ({ newcomer: { page } }) => {
  const { harbor, harborKey } = running();
  await connect(page, "Harbor CRM", harbor.url, harborKey);
  await connect(page, "Harbor CRM", harbor.url, harborKey, "Harbor South");
  await page.goto("/audiences");
  const audiences = page.getByRole("rowheader").getByRole("link");
  await expect(audiences).toHaveCount(14);
  await page.getByRole("searchbox").fill("subscribers");
  await page.getByRole("searchbox").press("Enter");
  await expect(page).toHaveURL(/q=subscribers/);
  await expect(audiences).toHaveCount(2);
  const facet = page.getByRole("list", { name: "Endpoints" }).getByRole("link", { name: /Harbor South/ });
  await facet.click();
  await expect(page).toHaveURL(/q=subscribers&endpoint=/);
  await expect(facet).toHaveAttribute("aria-current", "true");
  await expect(audiences).toHaveCount(1);

  await page.reload();
  await expect(page.getByRole("searchbox")).toHaveValue("subscribers");
  await expect(audiences).toHaveCount(1);

  await page.goBack();
  await expect(page).not.toHaveURL(/endpoint=/);
  await expect(page).toHaveURL(/q=subscribers/);
  await expect(audiences).toHaveCount(2);
  await expect(facet).not.toHaveAttribute("aria-current", "true");
});

test("an audience tells its fields, with masked samples, and its size", async ({ member: { page }, axe }) => {
  await page.goto("/audiences");
  await page.getByRole("link", { name: "High-value customers" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "High-value customers" })).toBeVisible();
  await expect(page.getByText("Customers who have spent 1,000 euros or more.")).toBeVisible();
  const email = page.getByRole("row", { name: /^email/ });
  await expect(email).toContainText("Identifier");
  await expect(email, "values are masked").toContainText("•@");
  await expect(page.getByRole("row", { name: /^lifetime_value/ })).toContainText("Attribute");
  await axe();
});
