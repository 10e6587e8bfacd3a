// Before all tests: a fresh installation.
import { start } from "./installation.ts";

export default async function setup(): Promise<void> {
  const installation = await start();
  console.log(`Usher at ${installation.usher.url}, data in ${installation.folder}`);
}
