// Every page that a signed-in person can reach, with something on each of them.

import type { Page } from "@playwright/test";
import { approve, beaconLike } from "./approving.ts";
import { connect, makeOperator } from "./people.ts";
import { running } from "./installation.ts";
import { beginShare, chooseDestination, newSegment, runEnds, scheduleDaily, shareNow, sourceOf, toReview } from "./sharing.ts";

/** A page with its address. */
export interface NamedPage {
  name: string;
  path: string;
}

/** Makes what the pages show: a share under way and one that has run. Gives all pages. */
export async function everyPage(page: Page): Promise<NamedPage[]> {
  await beginShare(page, "Lisbon and Porto");
  await chooseDestination(page, { segment: { new: newSegment("Friends on the coast") } });
  await page.getByRole("button", { name: /^Accept all above/ }).click();
  await toReview(page);
  const finished = new URL(page.url()).pathname.replace("/review", "");
  const run = await shareNow(page);
  await runEnds(page);
  await scheduleDaily(page, finished, "02:30, 14:00");
  const occurrence = (await page.getByRole("region", { name: "Schedule" }).getByRole("link", { name: /at 02:30/ }).first().getAttribute("href")) ?? "";

  await beginShare(page, "High-value customers");
  await chooseDestination(page, { segment: { new: newSegment("Our best") } });
  await sourceOf(page, "E-mail address").selectOption({ label: "E-mail" });
  await sourceOf(page, "Mobile number").selectOption({ label: "Phone" });
  await page.getByRole("status").filter({ hasText: /^Saved$/ }).waitFor();
  const draft = new URL(page.url()).pathname.replace("/mapping", "");

  const firstLink = async (path: string, selector: string): Promise<string> => {
    await page.goto(path);
    return (await page.locator(selector).first().getAttribute("href")) ?? path;
  };
  const audience = await firstLink("/audiences", "th[scope=row] a");
  const endpoint = await firstLink("/endpoints", "th[scope=row] a");
  const beacon = await firstLink("/endpoints", 'th[scope=row] a:text("Beacon Mail")');
  const application = await firstLink("/connect", ".card h2 a");
  await page.goto("/connect/app_toolkit_agent");
  await page.getByLabel("Name").fill(newSegment("Shop behind a firewall"));
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await page.getByRole("heading", { name: "Endpoint keys" }).waitFor();
  const calling = new URL(page.url()).pathname;
  const newer = await outgrown(page);
  await page.goto("/people");
  await page.getByLabel("E-mail address").fill(`${newSegment("vera").replace(/[^a-z0-9]+/gi, ".")}@example.com`);
  await page.getByRole("button", { name: "Make the link" }).click();
  await page.getByRole("heading", { level: 1, name: "Invitation" }).waitFor();
  const invitation = new URL(page.url()).pathname;
  const provided = await defineApplication(page);
  await makeOperator({ email: (await page.locator(".person-menu .who").textContent()) ?? "" });
  return [
    { name: "home", path: "/" },
    { name: "audiences", path: "/audiences" },
    { name: "audiences-narrowed", path: "/audiences?q=custmers&tag=marketing&sort=largest" },
    { name: "audiences-nothing-found", path: "/audiences?q=lisbon+penguins" },
    { name: "audiences-nothing-left", path: "/audiences?q=lisbon&size=millions" },
    { name: "audience", path: audience },
    { name: "shares", path: "/shares" },
    { name: "share", path: finished },
    { name: "share-draft", path: draft },
    { name: "destination", path: `${draft}/destination` },
    { name: "mapping", path: `${draft}/mapping` },
    { name: "mapping-full", path: `${finished}/mapping` },
    { name: "mapping-steps", path: `${draft}/mapping?open=2` },
    { name: "mapping-lab", path: `${draft}/mapping?lab=open&lab_rules=meta&values=shown` },
    { name: "audience-step", path: `${draft}/audience` },
    { name: "audience-for-destination", path: `${beacon}/share` },
    { name: "share-templates", path: `${finished}/templates` },
    { name: "share-versions", path: `${finished}/versions` },
    { name: "share-changes", path: `${finished}/changes` },
    { name: "templates", path: "/templates" },
    { name: "when", path: `${draft}/when` },
    { name: "review", path: `${draft}/review` },
    { name: "when-scheduled", path: `${finished}/when` },
    { name: "schedule", path: "/schedule" },
    { name: "schedule-week", path: "/schedule?view=week" },
    { name: "schedule-agenda", path: "/schedule?view=agenda" },
    { name: "occurrence", path: occurrence },
    { name: "blackouts", path: "/schedule/blackouts" },
    { name: "runs", path: "/runs" },
    { name: "run", path: run },
    { name: "endpoints", path: "/endpoints" },
    { name: "endpoint", path: endpoint },
    { name: "endpoint-that-calls", path: calling },
    { name: "endpoint-destination", path: `${beacon}?segments=asked` },
    { name: "endpoint-disconnect", path: `${beacon}/disconnect` },
    { name: "endpoint-credentials", path: `${beacon}/credentials` },
    { name: "endpoint-newer", path: newer },
    { name: "endpoint-version", path: `${newer}/version` },
    { name: "account", path: "/account" },
    { name: "people", path: "/people" },
    { name: "people-invitation", path: invitation },
    { name: "profile", path: "/profile" },
    { name: "alerts", path: "/alerts" },
    { name: "alert-settings", path: "/account/alerts" },
    { name: "share-alerts", path: `${finished}/alerts` },
    { name: "applications", path: "/applications" },
    { name: "application", path: provided },
    ...["about", "types", "addresses", "fields", "delivery", "credentials", "test-drive", "submit"].map((step) => ({
      name: `application-${step}`,
      path: `${provided}/${step}`,
    })),
    { name: "review-list", path: "/review" },
    { name: "review-application", path: "/review/app_beacon_mail" },
    { name: "connect-calling", path: "/connect/app_toolkit_agent" },
    { name: "connect", path: "/connect" },
    { name: "connect-narrowed", path: "/connect?category=crm" },
    { name: "connect-nothing-found", path: "/connect?q=penguins&category=crm" },
    { name: "connect-application", path: application },
  ];
}

/** An endpoint of whose application a newer version is approved; gives its page. */
async function outgrown(page: Page): Promise<string> {
  const [id, name] = [`app_letters_${Date.now()}`, newSegment("Letters")];
  approve(id, 1, beaconLike(name));
  const endpoint = await connect(page, name, running().beacon.url, running().beaconKey);
  const loyalty = { name: "loyalty_id", kind: "identifier", type: "customer_id", required: true };
  approve(id, 2, { ...beaconLike(name), description: "Writes letters, on paper.", fields: [loyalty] });
  return endpoint;
}

/** An application that the person's account provides, with a Test Drive that has failed; gives its page. */
export async function defineApplication(page: Page): Promise<string> {
  await page.goto("/applications");
  await page.getByLabel("Name").fill(newSegment("Postcards"));
  await page.getByRole("button", { name: "Begin" }).click();
  await page.getByRole("heading", { level: 1, name: "About" }).waitFor();
  const provided = new URL(page.url()).pathname.replace("/about", "");
  await page.getByLabel("Description").fill("Writes postcards to people who have agreed to get some.");
  await page.getByLabel("Support contact").fill("help@example.org");
  await page.getByRole("button", { name: "Save and continue" }).click();
  await page.getByRole("radio", { name: /Yes, Usher sends them/ }).check();
  await page.getByRole("button", { name: "Save and continue" }).click();
  await page.getByRole("heading", { level: 1, name: "Addresses" }).waitFor();
  await page.goto(`${provided}/fields`);
  const header = Buffer.from("email,first_name,city,country\n");
  await page.getByLabel("File", { exact: true }).setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: header });
  await page.getByRole("button", { name: "Read the file" }).click();
  await page.getByText("4 fields were read.").waitFor();
  await page.goto(`${provided}/delivery`);
  await page.getByLabel("Add people").check();
  await page.getByLabel("New segments").check();
  await page.getByRole("button", { name: "Save and continue" }).click();
  await page.getByRole("heading", { level: 1, name: "Credentials" }).waitFor();
  await page.goto(`${provided}/test-drive`);
  await page.getByLabel("Address").fill(running().beacon.url);
  await page.getByLabel("Authentication key").fill(running().beaconKey);
  await page.getByRole("button", { name: "Start the Test Drive" }).click();
  await page.locator(".report .verdict").filter({ hasText: /Failed|Passed/ }).waitFor();
  return provided;
}
