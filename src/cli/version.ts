import { hasZstd } from "../codec/zstd.js";
import { packageVersion } from "../package-version.js";

/** The version, and whether zstd is available: the only codec that may be missing. */
export function versionText(): string {
  return `coresieve ${packageVersion()}\nzlib, lzo, snappy: built in\nzstd: ${hasZstd() ? "available" : "not available (npm install zstd-napi, or Node 22.15 and later)"}`;
}
