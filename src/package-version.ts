import { programFile } from "./program-files.js";

/** The version of this package. */
export function packageVersion(): string {
  const bytes = programFile("../package.json", import.meta.url);
  return (JSON.parse(Buffer.from(bytes).toString("utf8")) as { version: string }).version;
}
