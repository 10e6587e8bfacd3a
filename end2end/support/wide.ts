// An application with as many fields on both sides as anybody will map: 200 that it offers, 200 that it takes. By its own process, as any other.

import { spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, type Page } from "@playwright/test";
import { freePorts, until } from "./installation.ts";
import { newPerson, signUp } from "./people.ts";
import { beginShare, newSegment } from "./sharing.ts";

/** The running application. */
export interface WideApplication {
  url: string;
  key: string;
  end: () => void;
}

const programs = resolve(process.env.USHER_PROGRAMS ?? resolve(import.meta.dirname, "../../target/debug"));

/** Starts it with so many fields, and this audience. Their values are words; of `attribute_001` they are `values`, when there are some. */
export async function startWide(fields = 200, values: string[] = [], audience = "Everybody with everything"): Promise<WideApplication> {
  const folder = mkdtempSync(join(tmpdir(), "usher-wide-"));
  const key = "wide-key-of-the-browser-tests";
  const names = Array.from({ length: fields }, (_, index) => (index === 0 ? "email" : `attribute_${String(index).padStart(3, "0")}`));
  mkdirSync(join(folder, "wide"));
  const rows = Array.from({ length: 40 }, (_, row) => names.map((name, index) => {
      if (name === "email") return row % 7 === 3 ? "" : `person${row}@example.com`;
      return (index === 1 ? values[row % values.length] : undefined) ?? `Value ${row}.${index}`;
    }),
  );
  writeFileSync(join(folder, "wide/everybody.csv"), [names, ...rows].map((row) => row.join(",")).join("\r\n") + "\r\n");
  const declared = names.map((name, index) =>
    [
      "[[consumer.fields]]",
      `name = "${name}"`,
      `label = "${name === "email" ? "E-mail address" : `Attribute ${index}`}"`,
      `kind = "${name === "email" ? "identifier" : "attribute"}"`,
      `type = "${name === "email" ? "email" : "string"}"`,
      `required = ${index < 2}`,
      `recommended = ${index >= 2 && index < 12}`,
    ].join("\n"),
  );
  const [port] = (await freePorts(1)) as [number];
  writeFileSync(
    join(folder, "wide.toml"),
    `listen = "127.0.0.1:${port}"
authentication_key = "${key}"
name = "Wide warehouse"
folder = "wide"
state = "wide-state"

[producer]
[[producer.segments]]
id = "everybody"
name = "${audience}"
file = "everybody.csv"

[consumer]
key = "email"
modes = ["add"]

${declared.join("\n\n")}
`,
  );
  const log = openSync(join(folder, "wide.log"), "a");
  const child = spawn(join(programs, "usher-toolkit"), ["serve", "--config", join(folder, "wide.toml")], { cwd: folder, stdio: ["ignore", log, log] });
  closeSync(log);
  const url = `http://127.0.0.1:${port}`;
  await until(`the wide application answers at ${url}`, async () => {
    if (child.exitCode !== null) throw new Error(`it ended by itself; see ${folder}/wide.log`);
    return (await fetch(`${url}/v1/health`).catch(() => undefined)) !== undefined;
  });
  return {
    url,
    key,
    end: () => {
      child.kill("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What things are called that are made with it. */
const usual = { endpoint: "Wide warehouse", audience: "Everybody with everything", segment: newSegment("Wide") };

/** Somebody new connects it and begins a share of all that it has with itself, and is then on the page of its mapping. */
export async function mapWide(page: Page, wide: WideApplication, { endpoint, audience, segment } = usual): Promise<void> {
  await signUp(page, newPerson("Wide Ltd"));
  await page.goto("/connect/app_toolkit_endpoint");
  await page.getByLabel("Name").fill(endpoint);
  await page.getByLabel("Address").fill(wide.url);
  await page.getByLabel("Authentication key").fill(wide.key);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await expect(page.getByText(`${endpoint} is connected.`)).toBeVisible();
  await beginShare(page, audience);
  await page.getByRole("radio", { name: new RegExp(endpoint) }).check();
  await page.getByRole("radio", { name: /A new segment/ }).check();
  await page.getByLabel("Name of the new segment").fill(segment);
  await page.getByRole("button", { name: "Continue to the mapping" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Mapping" })).toBeVisible();
}
