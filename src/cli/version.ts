import { readFileSync } from "node:fs";
import { checkCodec } from "../worker/codec/encoder.js";

/** The version of this program. */
export function packageVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** The version, and whether zstd can be used here: the one codec that may be missing. */
export function versionText(): string {
  return `coresieve ${packageVersion()}\nzlib, lzo, snappy: built in\nzstd: ${zstdThere() ? "available" : "not available (npm install zstd-napi, or Node 22.15 and later)"}`;
}

/** Whether zstd can be used here. */
export function zstdThere(): boolean {
  try {
    checkCodec({ name: "zstd", level: 1 });
    return true;
  } catch {
    return false;
  }
}
