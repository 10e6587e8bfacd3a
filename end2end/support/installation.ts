// One installation of Usher for a whole test run: the demo's two applications and `usher`, as separate processes on free ports, with
// all their data in a folder of their own. The state is a file, because set-up, tests and tear-down are different processes.

import { execFile, spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

/** Everything that the tests have to know about it. */
export interface Installation {
  /** Where its data lie. */
  folder: string;
  usher: Service;
  harbor: Service;
  beacon: Service;
  harborKey: string;
  beaconKey: string;
}

/** A running program. */
export interface Service {
  name: "usher" | "harbor" | "beacon";
  url: string;
  pid: number;
  /** How to start it again. */
  program: string;
  arguments: string[];
  environment: Record<string, string>;
}

const root = resolve(import.meta.dirname, "../..");
const logs = resolve(import.meta.dirname, "../test-results/logs");
const programs = resolve(process.env.USHER_PROGRAMS ?? join(root, "target/debug"));
const stateVariable = "USHER_END2END_STATE";
const patience = 60_000;

/** Makes the demo's people and starts everything. */
export async function start(): Promise<Installation> {
  for (const program of ["usher", "usher-toolkit"]) {
    if (!existsSync(join(programs, program))) {
      throw new Error(`${join(programs, program)} is not there. Build it with \`cargo xtask build\`, or set USHER_PROGRAMS to the folder of the programs.`);
    }
  }
  const site = process.env.USHER_SITE ?? join(root, "target/site");
  if (!existsSync(join(site, "pkg/usher.js"))) {
    throw new Error(`${site} holds no built site. Build it with \`cargo xtask build\`, or set USHER_SITE.`);
  }
  const folder = mkdtempSync(join(tmpdir(), "usher-end2end-"));
  const [usherPort, harborPort, beaconPort] = (await freePorts(3)) as [number, number, number];
  const harborKey = "harbor-key-of-the-browser-tests";
  const beaconKey = "beacon-key-of-the-browser-tests";
  const toolkit = join(programs, "usher-toolkit");
  await promisify(execFile)(toolkit, [
    "demo",
    ...["--folder", folder],
    ...["--harbor-listen", `127.0.0.1:${harborPort}`, "--harbor-key", harborKey],
    ...["--beacon-listen", `127.0.0.1:${beaconPort}`, "--beacon-key", beaconKey],
  ]);
  const serve = (name: "harbor" | "beacon", port: number): Service => ({
    name,
    url: `http://127.0.0.1:${port}`,
    pid: 0,
    program: toolkit,
    arguments: ["serve", "--config", join(folder, `${name}.toml`)],
    environment: {},
  });
  const installation: Installation = {
    folder,
    harborKey,
    beaconKey,
    harbor: serve("harbor", harborPort),
    beacon: serve("beacon", beaconPort),
    usher: {
      name: "usher",
      url: `http://127.0.0.1:${usherPort}`,
      pid: 0,
      program: join(programs, "usher"),
      arguments: ["serve"],
      environment: {
        DATABASE_URL: `sqlite:${join(folder, "usher.db")}`,
        USHER_PAYLOADS: join(folder, "payloads"),
        USHER_MASTER_KEY_FILE: join(folder, "master.key"),
        USHER_LISTEN: `127.0.0.1:${usherPort}`,
        USHER_SITE: site,
        USHER_ALLOW_NETWORKS: "127.0.0.0/8",
        // Small parts, so that a run has something to show on its way; a short lease, so that it goes on soon after a restart.
        USHER_PART_ROWS: "2000",
        USHER_LEASE_SECONDS: "3",
      },
    },
  };
  const stateFile = join(folder, "end2end.json");
  process.env[stateVariable] = stateFile;
  mkdirSync(logs, { recursive: true });
  for (const service of [installation.harbor, installation.beacon, installation.usher]) {
    writeFileSync(logOf(service), "");
    await launch(service);
    writeFileSync(stateFile, JSON.stringify(installation));
  }
  return installation;
}

/** The installation that this test run started. */
export function running(): Installation {
  const stateFile = process.env[stateVariable];
  if (stateFile === undefined) throw new Error("No installation was started: run the tests with Playwright.");
  return JSON.parse(readFileSync(stateFile, "utf8")) as Installation;
}

/** Ends one service, as the system does (SIGTERM), or at once (SIGKILL). */
export async function stop(name: Service["name"], signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  await end(running()[name], signal);
}

/** Starts a service that was ended again, on the same data. */
export async function startAgain(name: Service["name"]): Promise<void> {
  const installation = running();
  await launch(installation[name]);
  writeFileSync(process.env[stateVariable] ?? "", JSON.stringify(installation));
}

/** Serves Harbor CRM's people once more, on a port of its own, as a program that registers itself with this endpoint key; ends it with `end`. */
export async function serveRegistering(name: string, endpointKey: string): Promise<{ url: string; end: () => void }> {
  const { folder, usher, harbor } = running();
  const [port] = (await freePorts(1)) as [number];
  const url = `http://127.0.0.1:${port}/`;
  const template = readFileSync(join(folder, "harbor.toml"), "utf8");
  const config = template
    .replace(/^listen = .*$/m, `listen = "127.0.0.1:${port}"`)
    .replace(/^name = .*$/m, `name = "${name}"`)
    .replace(/^state = .*$/m, `state = "state-${port}"`);
  const key = join(folder, `endpoint-${port}.key`);
  writeFileSync(key, endpointKey);
  const file = join(folder, `registering-${port}.toml`);
  writeFileSync(file, `${config}\n[usher]\nurl = "${usher.url}"\nendpoint_key_file = "${key}"\nown_url = "${url}"\n`);
  const log = openSync(logOf(harbor), "a");
  const child = spawn(harbor.program, ["serve", "--config", file], { cwd: folder, stdio: ["ignore", log, log] });
  closeSync(log);
  return { url, end: () => void child.kill("SIGTERM") };
}

/** Serves one more Usher beside the installation's, with data of its own and these settings besides; ends it with `end`. */
export async function serveAnother(settings: Record<string, string>): Promise<{ url: string; end: () => Promise<void> }> {
  const { folder, usher } = running();
  const [port] = (await freePorts(1)) as [number];
  const data = join(folder, `another-${port}`);
  mkdirSync(data);
  const another: Service = {
    ...usher,
    url: `http://127.0.0.1:${port}`,
    environment: {
      ...usher.environment,
      DATABASE_URL: `sqlite:${join(data, "usher.db")}`,
      USHER_PAYLOADS: join(data, "payloads"),
      USHER_MASTER_KEY_FILE: join(data, "master.key"),
      USHER_LISTEN: `127.0.0.1:${port}`,
      ...settings,
    },
  };
  await launch(another);
  return { url: another.url, end: () => end(another, "SIGTERM") };
}

/** Ends everything and removes its data; the logs stay. */
export async function endAll(): Promise<void> {
  const installation = running();
  // Usher first: it hands its runs back while the endpoints still answer.
  for (const name of ["usher", "harbor", "beacon"] as const) await end(installation[name], "SIGTERM");
  rmSync(installation.folder, { recursive: true, force: true });
}

/** Where each log ends now, to be given to `logsSince`. */
export function logMarks(): number[] {
  return services().map((service) => statSync(logOf(service)).size);
}

/** What the processes have written since. */
export function logsSince(marks: number[]): string {
  const written = services().map((service, index) => {
    const text = readFileSync(logOf(service)).subarray(marks[index]).toString("utf8").trimEnd();
    return text === "" ? "" : `--- ${service.name}\n${text}\n`;
  });
  return written.join("");
}

function services(): Service[] {
  const { usher, harbor, beacon } = running();
  return [usher, harbor, beacon];
}

async function launch(service: Service): Promise<void> {
  const log = openSync(logOf(service), "a");
  const kept = ["PATH", "HOME", "TMPDIR", "USHER_LOG", "USHER_TOOLKIT_LOG"];
  const inherited = kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  const child = spawn(service.program, service.arguments, {
    cwd: folderOf(service),
    env: { ...Object.fromEntries(inherited), ...service.environment } as NodeJS.ProcessEnv,
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  child.unref();
  service.pid = child.pid ?? 0;
  await until(`${service.name} answers at ${service.url}`, async () => {
    if (child.exitCode !== null) throw new Error(`${service.name} ended by itself:\n${readFileSync(logOf(service), "utf8")}`);
    const answer = await fetch(`${service.url}/readyz`).catch(() => undefined);
    // The applications want their key for everything; that they say so is enough.
    return answer !== undefined && (answer.ok || service.name !== "usher");
  });
}

async function end(service: Service, signal: NodeJS.Signals): Promise<void> {
  if (service.pid === 0 || !isAlive(service.pid)) return;
  process.kill(service.pid, signal);
  await until(`${service.name} ends`, async () => !isAlive(service.pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A child that ended, but was not waited for, is none any more.
  const status = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
  return status.slice(status.lastIndexOf(")") + 2, status.lastIndexOf(")") + 3) !== "Z";
}

/** Waits for a condition; says which one when it does not come. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + patience;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`It took too long until this was so: ${what}.`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

function logOf(service: Service): string {
  return join(logs, `${service.name}.log`);
}

/** Relative paths of a service are in its installation's folder. */
function folderOf(service: Service): string {
  const config = service.arguments.at(-1);
  return config !== undefined && config.endsWith(".toml") ? join(config, "..") : root;
}

/** So many ports of this machine on which nobody listens. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("a server without a port");
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
