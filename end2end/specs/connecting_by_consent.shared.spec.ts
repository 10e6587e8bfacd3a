// Click to Connect by consenting at the application (OAuth 2.0, authorization code with PKCE).

import { randomUUID } from "node:crypto";
import { expect, test } from "../support/test.ts";
import { approveConsenting, startAuthority } from "../support/authority.ts";

test("who consents is led back and connected; who does not, and what is used twice, is told so", async ({ newcomer: { page }, axe }) => {
  const authority = await startAuthority();
  const unique = randomUUID().slice(0, 8);
  approveConsenting(authority, `app_consent_${unique}`, `Beacon ${unique}`);
  try {
    const ask = async () => {
      await page.goto(`/connect/app_consent_${unique}`);
      await page.getByLabel("Name").fill("Mail by consent");
      await page.getByRole("button", { name: "Ask for consent" }).click();
      const leave = page.getByRole("link", { name: `Continue to Beacon ${unique}` });
      await expect(leave).toBeVisible();
      await axe();
      await leave.click();
      await expect(page.getByText("May Usher write to your lists?")).toBeVisible();
    };
    await ask();
    await page.getByRole("link", { name: "Deny" }).click();
    await expect(page.getByText(`You did not consent at Beacon ${unique}`)).toBeVisible();

    await ask();
    const back = (await page.getByRole("link", { name: "Allow" }).getAttribute("href")) ?? "";
    await page.getByRole("link", { name: "Allow" }).click();
    await expect(page.getByText("Mail by consent is connected.")).toBeVisible();
    await expect(page.getByText("Healthy")).toBeVisible();
    const steps = page.locator(".report-again").getByRole("listitem");
    await expect(steps.filter({ hasText: "Get an access token" })).toContainText("Passed");
    await axe();

    await page.goto(back);
    await expect(page.getByText(/This consent was used already/)).toBeVisible();
    await page.goto("/endpoints");
    await expect(page.getByRole("link", { name: "Mail by consent" })).toHaveCount(1);
  } finally {
    authority.end();
  }
});
