// What every spec begins with: pages that are ready when `goto` returns, tests that fail on anything the browser complains about, and people
// with an account.

import { test as base, expect, type Browser, type Page } from "@playwright/test";
import AxeBuilder from "@axe-core/playwright";
import { logMarks, logsSince, running } from "./installation.ts";
import { connectDemo, newPerson, signUp, type Connected, type Person } from "./people.ts";

export { expect };

/** Somebody with the demo's two endpoints connected, and the cookies of their browser. */
export interface Demo extends Connected {
  person: Person;
  storageState: Awaited<ReturnType<ReturnType<Page["context"]>["storageState"]>>;
}

interface Fixtures {
  /** Complaints of the browser that belong to what the test does; without a match here each of them fails it. */
  expectComplaint: (pattern: RegExp) => void;
  /** Checks that axe finds nothing against the page as it is, in light and in dark. */
  axe: (page?: Page) => Promise<void>;
  /** The page of somebody who has just signed up; nothing is connected. */
  newcomer: { page: Page; person: Person };
  /** The page of somebody who works with the demo's two endpoints. Shared by all tests of a project: use names of your own. */
  member: { page: Page; demo: Demo };
  complaints: string[];
  processes: void;
}

interface WorkerFixtures {
  demo: Demo;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  baseURL: async ({}, use) => use(running().usher.url),

  complaints: async ({}, use) => use([]),

  expectComplaint: async ({ complaints }, use) => {
    const expected: RegExp[] = [];
    await use((pattern) => void expected.push(pattern));
    const unexpected = complaints.filter((complaint) => !expected.some((pattern) => pattern.test(complaint)));
    expect(unexpected, "The browser's console has to stay silent").toEqual([]);
  },

  // `expectComplaint` is asked for here, so that it is there in every test that has a page.
  page: async ({ page, complaints, expectComplaint, javaScriptEnabled }, use) => {
    void expectComplaint;
    listen(page, complaints);
    waitForProgram(page, javaScriptEnabled);
    await use(page);
  },

  demo: [
    async ({ browser }, use, workerInfo) => {
      await use(await makeDemo(browser, workerInfo.project.use.javaScriptEnabled ?? true));
    },
    { scope: "worker", timeout: 120_000 },
  ],

  member: async ({ page, demo, context }, use) => {
    await context.addCookies(demo.storageState.cookies);
    await use({ page, demo });
  },

  newcomer: async ({ page }, use) => {
    const person = newPerson();
    await signUp(page, person);
    await use({ page, person });
  },

  axe: async ({ page, javaScriptEnabled }, use) => {
    await use(async (other = page) => {
      // It runs in the page, so it can't where no script may run; the same pages are checked with the program running.
      if (!javaScriptEnabled) return;
      // Before the colours change: none is to be on its way to another while it is looked at.
      await other.emulateMedia({ reducedMotion: "reduce" });
      for (const colorScheme of ["light", "dark"] as const) {
        await other.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await other.evaluate(coloursHaveChanged);
        const builder = new AxeBuilder({ page: other });
        // Only the colours are others there.
        if (colorScheme === "dark") builder.withRules(["color-contrast", "link-in-text-block"]);
        const { violations } = await builder.analyze();
        const found = violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`) }));
        expect(found, `axe finds nothing in ${colorScheme} at ${other.url()}`).toEqual([]);
      }
      await other.emulateMedia({ colorScheme: null, reducedMotion: null });
    });
  },

  processes: [
    async ({}, use, testInfo) => {
      const marks = logMarks();
      await use();
      const written = logsSince(marks);
      if (testInfo.status !== testInfo.expectedStatus) console.log(`What the processes logged during “${testInfo.title}”:\n${written}`);
      expect(written, "nothing panics").not.toContain("panicked at");
    },
    { auto: true },
  ],
});

/** In the page: until its colours have changed, which is half a second at most; a page that is not painted has no frames to wait for. */
async function coloursHaveChanged(): Promise<void> {
  const changing = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
  const changed = Promise.allSettled(changing.map((transition) => transition.finished));
  await Promise.race([changed, new Promise((enough) => setTimeout(enough, 500))]);
}

/** Notes what the browser complains about. */
function listen(page: Page, complaints: string[]): void {
  page.on("console", (message) => {
    // A warning is a mistake of ours too: of the reactive graph, for instance, when a value is read where nobody follows it.
    // (Where no script runs, the program is fetched for nothing; that is no news.)
    const isComplaint = message.type() === "error" || (message.type() === "warning" && !/preloaded using link preload/.test(message.text()));
    if (isComplaint) complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(`${error.message}\n${error.stack ?? ""}`));
}

/** From now on `goto` and `reload` return when the page's program runs. */
export function waitForProgram(page: Page, javaScriptEnabled = true): void {
  if (!javaScriptEnabled) return;
  const [goTo, reload] = [page.goto.bind(page), page.reload.bind(page)];
  page.goto = async (...given) => {
    const answer = await goTo(...given);
    await programRuns(page);
    return answer;
  };
  page.reload = async (...given) => {
    const answer = await reload(...given);
    await programRuns(page);
    return answer;
  };
}

/** Waits until the page's program runs. */
export async function programRuns(page: Page): Promise<void> {
  await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
}

async function makeDemo(browser: Browser, javaScriptEnabled: boolean): Promise<Demo> {
  const context = await browser.newContext({ baseURL: running().usher.url, javaScriptEnabled });
  const page = await context.newPage();
  waitForProgram(page, javaScriptEnabled);
  const person = newPerson("Northwind Trading");
  await signUp(page, person);
  const connected = await connectDemo(page);
  const storageState = await context.storageState();
  await context.close();
  return { person, storageState, ...connected };
}
