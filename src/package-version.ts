import { readFileSync } from "node:fs";
import { distUrl } from "./dist-url.js";

/** The version of this package. */
export function packageVersion(): string {
  const text = readFileSync(distUrl("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
