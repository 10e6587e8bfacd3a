// The catalogue: searched by form, filtered by link, all of it in the address. With the page's program and without.

import { expect, test } from "../support/test.ts";
import { running } from "../support/installation.ts";
import { connect } from "../support/people.ts";

test("audiences are found by word, whatever their accents, case and slips", async ({ member: { page } }) => {
  await page.goto("/audiences");
  const count = page.getByRole("status").filter({ hasText: "audience" });
  await expect(count).toHaveText(/^7/);
  for (const [words, found] of [
    ["LISBÔN", "Lisbon and Porto"],
    ["forgotten harbor", "Asked to be forgotten"],
    ["win-back", "Lapsed since a year"],
    ["winback", "Lapsed since a year"],
    ["double opt-in", "Newsletter subscribers"],
  ] as const) {
    await page.getByRole("searchbox").fill(words);
    await page.getByRole("searchbox").press("Enter");
    await expect(count).toHaveText(/^1\s/);
    await expect(page.getByRole("rowheader").getByRole("link")).toHaveText(found);
  }
  // All of them have a field of that name; the one that is called so stands first.
  await page.goto("/audiences?q=newsleter");
  await expect(page.getByRole("rowheader").getByRole("link").first()).toHaveText("Newsletter subscribers");
  await expect(page.getByText("“newsletter” for “newsleter”")).toBeVisible();
  await expect(page.locator("tbody mark").first()).toHaveText("Newsletter");
});

test("the best hit stands first, and what was found is marked", async ({ member: { page }, axe }) => {
  await page.goto("/audiences?q=customers");
  const links = page.getByRole("rowheader").getByRole("link");
  await expect(links.first()).toHaveText("All customers");
  await expect(links.first().locator("mark")).toHaveText("customers");
  await page.goto("/audiences?q=postal");
  await expect(page.getByText("Field: postal_code").first()).toBeVisible();
  await axe();
});

test("a search that finds nothing says why and leads back", async ({ member: { page }, axe }) => {
  await page.goto("/audiences?q=penguins");
  await expect(page.getByText("Nothing matches “penguins”.")).toBeVisible();
  await axe();
  await page.goto("/audiences?q=lisbon%20penguins");
  await expect(page.getByText("no audience has “penguins”")).toBeVisible();
  await page.getByRole("link", { name: "Search for “lisbon”" }).click();
  await expect(page.getByRole("rowheader").getByRole("link")).toHaveText("Lisbon and Porto");
  await page.goto("/audiences?q=lisbon&size=millions");
  await expect(page.getByText("Nothing is left with these filters; 1 audience without them.")).toBeVisible();
  await page.getByRole("link", { name: "Clear the filters" }).click();
  await expect(page.getByRole("rowheader").getByRole("link")).toHaveText("Lisbon and Porto");
  await page.goto("/audiences?q=penguins");
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
  const facet = page.getByRole("list", { name: "Endpoint" }).getByRole("link", { name: /Harbor South/ });
  await facet.click();
  await expect(page).toHaveURL(/q=subscribers&endpoint=/);
  await expect(facet).toHaveAttribute("aria-current", "true");
  await expect(audiences).toHaveCount(1);
  // Values of one kind widen each other, and each says what it would leave.
  await page.getByRole("list", { name: "Endpoint" }).getByRole("link", { name: /Harbor CRM/ }).click();
  await expect(audiences).toHaveCount(2);
  await page.getByRole("list", { name: "Narrowed by" }).getByRole("link", { name: /Harbor CRM/ }).click();
  await expect(audiences).toHaveCount(1);

  await page.reload();
  await expect(page.getByRole("searchbox")).toHaveValue("subscribers");
  await expect(audiences).toHaveCount(1);

  await page.goBack();
  await expect(audiences).toHaveCount(2);
  await page.goBack();
  await expect(audiences).toHaveCount(1);
  await page.goBack();
  await expect(page).not.toHaveURL(/endpoint=/);
  await expect(page).toHaveURL(/q=subscribers/);
  await expect(audiences).toHaveCount(2);
  await expect(facet).not.toHaveAttribute("aria-current", "true");
});

test("filters of all kinds narrow with their counts, and the order is a link", async ({ member: { page }, axe }) => {
  await page.goto("/audiences");
  const audiences = page.getByRole("rowheader").getByRole("link");
  await expect(audiences).toHaveCount(7);
  const tags = page.getByRole("list", { name: "Tags" });
  await expect(tags.getByRole("link", { name: /marketing/ })).toContainText("2");
  await tags.getByRole("link", { name: /marketing/ }).click();
  await expect(audiences).toHaveCount(2);
  await expect(page).toHaveURL(/tag=marketing/);
  await axe();
  await page.getByRole("link", { name: "Clear all" }).click();
  await expect(audiences).toHaveCount(7);
  await page.getByRole("list", { name: "People" }).getByRole("link", { name: /Empty/ }).click();
  await expect(audiences).toHaveText(["Asked to be forgotten"]);
  await page.getByRole("list", { name: "People" }).getByRole("link", { name: /Empty/ }).click();
  await page.getByRole("list", { name: "Order" }).getByRole("link", { name: "Largest first" }).click();
  await expect(audiences.first()).toHaveText("All customers");
  await expect(page).toHaveURL(/sort=largest/);
});

test("an audience tells its label, its fields with counts and masked samples, and its size", async ({ member: { page }, axe }) => {
  await page.goto("/audiences");
  await page.getByRole("link", { name: "High-value customers" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "High-value customers" })).toBeVisible();
  await expect(page.getByText("Customers who have spent 1,000 euros or more.")).toBeVisible();
  await expect(page.getByText("Legitimate interest in keeping customers")).toBeVisible();
  await expect(page.getByText("Sales, sales@harbor.example")).toBeVisible();
  const email = page.getByRole("row", { name: /^email/ });
  await expect(email).toContainText("Identifier");
  await expect(email, "values are masked").toContainText("•@");
  await expect(email).toContainText("%");
  await expect(page.getByText(/Counted by Usher over/)).toBeVisible();
  await expect(page.getByRole("row", { name: /^lifetime_value/ })).toContainText("Attribute");
  await expect(page.getByRole("row", { name: /^customer_id/ })).toContainText(/all different|\d/);
  await expect(page.getByRole("heading", { name: "Size over time" })).toBeVisible();
  await axe();
});

test("an audience and the whole catalogue are read again on demand", async ({ member: { page } }) => {
  await page.goto("/audiences");
  await page.getByRole("button", { name: "Refresh" }).click();
  await expect(page.getByText(/Read again: 7 audiences/)).toBeVisible();
  await page.getByRole("link", { name: "All customers" }).click();
  // The catalogue stays until the audience is there, and has a button of the same name.
  await expect(page.getByRole("heading", { level: 1, name: "All customers" })).toBeVisible();
  await page.getByRole("button", { name: "Refresh" }).click();
  await expect(page.getByText(/Its endpoint was read again: 7 audiences/)).toBeVisible();
});
