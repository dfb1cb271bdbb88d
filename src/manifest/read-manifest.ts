import { DumpError } from "../errors.js";
import type { ByteSource } from "../reader/source/byte-source.js";
import { OUTPUT_FORMATS } from "../writer/output-format.js";
import { withSource } from "./digest.js";
import type { Manifest } from "./manifest.js";

/** The members of a manifest that a dump can be compared with. */
export type RecordedRun = Pick<Manifest, "output" | "erased"> & {
  readonly input: Pick<Manifest["input"], "files">;
  readonly options: Pick<Manifest["options"], "privacy">;
  readonly kernel: Pick<Manifest["kernel"], "release" | "buildId">;
  readonly pages: Pick<Manifest["pages"], "input" | "kept" | "dropped" | "beyondMemMap">;
};

/** Above all manifests, which have some kilobytes: the warnings of a run are counted, not listed. */
const MAX_BYTES = 16 << 20;

/**
 * Reads the members of `RecordedRun` from a manifest. Throws `NOT_READABLE`; `LIMIT` above 16 MiB; `UNSUPPORTED` for a
 * manifest of another version; `CORRUPT` for a file that is not a manifest.
 */
export async function readManifest(path: string): Promise<RecordedRun> {
  return parseManifest((await readRecord(path)).toString("utf8"), path);
}

/** The bytes of a manifest or of an audit's result, which a signature covers. Throws `NOT_READABLE`, `LIMIT`. */
export function readRecord(path: string): Promise<Buffer> {
  return withSource(path, bytesOf);
}

function bytesOf(source: ByteSource): Buffer {
  if (source.size > MAX_BYTES)
    throw new DumpError("LIMIT", "is above 16 MiB, too large for a manifest", about(source.name));
  const bytes = new Uint8Array(source.size);
  return Buffer.from(bytes.subarray(0, source.read(bytes, 0)));
}

/** Parses the text of a manifest. `file` is its name in errors, which are those of `readManifest`. */
export function parseManifest(text: string, file: string): RecordedRun {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    throw new DumpError("CORRUPT", "is not JSON, so it is not a manifest", { ...about(file), cause: error });
  }
  const version = memberOf(manifest, "manifestVersion");
  if (typeof version === "number" && version !== 1) {
    throw new DumpError("UNSUPPORTED", `is a manifest of version ${version}; this coresieve knows version 1`, {
      file,
      cure: "Use the coresieve that wrote it, or a later one",
    });
  }
  const wrong = CHECKS.find(([path, holds]) => !holds(memberOf(manifest, path)));
  if (wrong !== undefined)
    throw new DumpError("CORRUPT", `has no usable ${wrong[0]}, so it is not a manifest`, about(file));
  return manifest as RecordedRun;
}

const about = (file: string) => ({ file, cure: "Name the file that `--manifest FILE` wrote" });

type Check = (value: unknown) => boolean;
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";
const isDigest: Check = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const orNull =
  (holds: Check): Check =>
  (value) =>
    value === null || holds(value);
const listOf =
  (holds: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(holds);
const isInputFile: Check = (value) =>
  isText(memberOf(value, "name")) && isCount(memberOf(value, "bytes")) && orNull(isDigest)(memberOf(value, "sha256"));

/** Checks of the members that are used, as docs/manifest.schema.json defines them. */
const CHECKS: readonly (readonly [string, Check])[] = [
  ["manifestVersion", (value) => value === 1],
  ["output.name", isText],
  ["output.bytes", isCount],
  ["output.sha256", isDigest],
  ["output.format", (value) => (OUTPUT_FORMATS as readonly unknown[]).includes(value)],
  ["output.level", isCount],
  ["output.packing", orNull(isText)],
  ["output.incomplete", isFlag],
  ["input.files", listOf(isInputFile)],
  ["options.privacy", isFlag],
  ["kernel.release", orNull(isText)],
  ["kernel.buildId", orNull(isText)],
  ["pages.input", isCount],
  ["pages.kept", isCount],
  ["pages.dropped", (value) => isObject(value) && Object.values(value).every(isCount)],
  ["pages.beyondMemMap", isCount],
  ["erased", listOf(isText)],
];

function memberOf(value: unknown, path: string): unknown {
  let at = value;
  for (const name of path.split(".")) at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return at;
}
