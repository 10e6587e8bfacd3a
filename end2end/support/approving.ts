// Applications that are approved already, written where the review would write them: for tests of what comes after it.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { running } from "./installation.ts";

/** What an application like Beacon Mail says of itself; it is connected with a key. */
export function beaconLike(name: string): Record<string, unknown> {
  return { name, description: "Writes to people.", category: "mail", consumer: "PUSH", urls: { base: running().beacon.url } };
}

/** Approves a version of an application: its first one, or one that is newer than all others. */
export function approve(id: string, version: number, definition: Record<string, unknown>): void {
  const program = [
    "import sqlite3, sys",
    "database = sqlite3.connect(sys.argv[1], timeout=30)",
    "id, version, definition = sys.argv[2], int(sys.argv[3]), sys.argv[4]",
    "database.execute('insert into application (id, updated_at) values (?, 0) on conflict (id) do nothing', (id,))",
    "database.execute(\"insert into application_version (application_id, version, definition, state, updated_at) values (?, ?, ?, 'approved', 0)\", (id, version, definition))",
    "database.execute('update application set approved_version = ? where id = ?', (version, id))",
    "database.commit()",
  ].join("\n");
  execFileSync("python3", ["-c", program, join(running().folder, "usher.db"), id, String(version), JSON.stringify(definition)]);
}
