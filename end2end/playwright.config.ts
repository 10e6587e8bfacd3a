// Usher in a real browser. Two projects: `hydrate`, as people use it, and `no-js`, as it is before the page's program has loaded, or where
// it never does. Specs named `*.plain.spec.ts` run in the second only, `*.shared.spec.ts` in both, all others in the first.

import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

// Where the system has a Chromium, that one; else the one that `npx playwright install chromium` has brought. The first is one without a window's parts.
const known = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];
const ownBrowser = process.env.USHER_TEST_CHROMIUM ?? known.find((path) => existsSync(path));
// Scripts that are run by themselves: pictures, and what is measured.
const script = process.env.USHER_SCRIPT;

export default defineConfig({
  testDir: ".",
  outputDir: "test-results/failures",
  globalSetup: "./support/setup.ts",
  globalTeardown: "./support/teardown.ts",
  reporter: "list",
  workers: 1,
  retries: 0,
  // The longest take a minute on a slow machine.
  timeout: 180_000,
  expect: { timeout: 15_000 },
  forbidOnly: process.env.CI !== undefined,
  use: {
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "Europe/Lisbon",
    actionTimeout: 15_000,
    navigationTimeout: 30_000,
    screenshot: "only-on-failure",
    // To record what is done costs a quarter of the tests' time. Where one has to be looked at closer: `--trace retain-on-failure`.
    trace: "off",
    launchOptions: {
      ...(ownBrowser !== undefined ? { executablePath: ownBrowser } : {}),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: script !== undefined
    ? [{ name: script, testMatch: `${script}.ts`, timeout: 1_800_000, use: { actionTimeout: 120_000 } }]
    : [
        { name: "hydrate", testMatch: "specs/*.spec.ts", testIgnore: "**/*.plain.spec.ts" },
        { name: "no-js", testMatch: ["specs/*.plain.spec.ts", "specs/*.shared.spec.ts"], use: { javaScriptEnabled: false } },
      ],
});
