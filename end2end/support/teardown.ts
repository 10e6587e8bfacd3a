// After all tests: nothing stays but the logs.
import { endAll } from "./installation.ts";

export default async function teardown(): Promise<void> {
  await endAll();
}
