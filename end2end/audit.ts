// Lighthouse over the main pages, as on a telephone with a slow connection and as on a desk: performance, accessibility and best practices have to
// reach 95 of 100. `npm run audit`, on a release build of the site (`cargo xtask site --release`). Lighthouse is fetched for this only, in the release
// that is named here; its reports are left in `audit/`. USHER_AUDIT_PAGES keeps it to some pages, e.g. "home mapping".

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { chromium, type BrowserContext } from "@playwright/test";
import { expect, test } from "./support/test.ts";
import { freePorts, running } from "./support/installation.ts";
import { everyPage } from "./support/pages.ts";

const lighthouse = "lighthouse@12.8.2";
const least = 95;
const categories = ["performance", "accessibility", "best-practices"];
const wanted = process.env.USHER_AUDIT_PAGES?.split(/\s+/) ?? ["sign-in", "home", "audiences", "audience", "share", "mapping-full", "review", "runs", "run", "endpoints"];
const folder = resolve(import.meta.dirname, "audit");

interface Report {
  categories: Record<string, { score: number | null }>;
  audits: Record<string, { id: string; title: string; score: number | null; numericValue?: number; displayValue?: string }>;
}

test("audit", async ({ member: { page } }) => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const pages = [{ name: "sign-in", path: "/sign-in" }, ...(await everyPage(page))];
  const cookies = await page.context().cookies();
  // A browser of its own, in which the member is signed in: cookies that are only sent along with some requests are not what people have.
  const [port] = (await freePorts(1)) as [number];
  const profile = mkdtempSync(join(tmpdir(), "usher-audit-"));
  const { executablePath, args = [] } = test.info().project.use.launchOptions ?? {};
  const options = { ...(executablePath === undefined ? {} : { executablePath }), args: [...args, `--remote-debugging-port=${port}`] };
  const browser = await chromium.launchPersistentContext(profile, options);
  try {
    for (const { name, path } of pages.filter(({ name }) => wanted.includes(name))) {
      await signedIn(browser, name === "sign-in" ? [] : cookies);
      for (const form of ["mobile", "desktop"] as const) judge(name, form, await audited(name, path, form, port));
    }
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  }
});

async function signedIn(browser: BrowserContext, cookies: Awaited<ReturnType<BrowserContext["cookies"]>>): Promise<void> {
  await browser.clearCookies();
  await browser.addCookies(cookies);
}

function judge(name: string, form: string, report: Report): void {
  const scores = categories.map((category) => Math.round((report.categories[category]?.score ?? 0) * 100));
  const metric = (id: string) => report.audits[id]?.displayValue ?? "";
  console.log(
    `${name.padEnd(14)} ${form.padEnd(8)} ${scores.map((score) => String(score).padStart(3)).join(" ")}   ` +
      `FCP ${metric("first-contentful-paint")}  LCP ${metric("largest-contentful-paint")}  TBT ${metric("total-blocking-time")}  CLS ${metric("cumulative-layout-shift")}`,
  );
  const failed = Object.values(report.audits).filter(({ score }) => score !== null && score < 0.9);
  for (const { id, displayValue } of failed) console.log(`                 ${id} ${displayValue ?? ""}`);
  categories.forEach((category, index) => expect.soft(scores[index], `${category} of ${name}, ${form}`).toBeGreaterThanOrEqual(least));
}

async function audited(name: string, path: string, form: "mobile" | "desktop", port: number): Promise<Report> {
  const file = `${folder}/${name}-${form}.json`;
  await promisify(execFile)(
    "npx",
    [
      "--yes",
      lighthouse,
      `${running().usher.url}${path}`,
      "--quiet",
      "--output=json",
      `--output-path=${file}`,
      `--only-categories=${categories.join(",")}`,
      `--port=${port}`,
      "--disable-storage-reset",
      ...(form === "desktop" ? ["--preset=desktop"] : []),
    ],
    { timeout: 240_000, maxBuffer: 64 * 1024 * 1024 },
  );
  return JSON.parse(readFileSync(file, "utf8")) as Report;
}
