import { checkCodec } from "../codec/encoder.js";
import { packageVersion } from "../package-version.js";

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
