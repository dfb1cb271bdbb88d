import { basename } from "node:path";
import { namesOfLevel } from "../filter/policy.js";
import {
  aDate,
  anyValue,
  aText,
  checkGiven,
  dumpLike,
  havingMembers,
  listOf,
  maybe,
  type Shape,
} from "../option-shape.js";
import type { Dump } from "../reader/dump.js";
import type { GivenFile } from "../reader/source/side-file.js";
import { wholeFilterOptions } from "../run/check-values.js";
import type { FilterOptions, FilterResult } from "../run/filter-dump.js";
import type { DumpWarning } from "../warnings.js";
import type { OutputFormat } from "../writer/output-format.js";
import { type FileDigest, type InputFile, textDigest } from "./digest.js";

/**
 * The record of a filter run: its input, what it did, its output. docs/manifest.schema.json describes it for programs,
 * docs/manifest.md for people. Unknown values are null. It contains no names of folders, users or hosts.
 */
export interface Manifest {
  readonly manifestVersion: 1;
  readonly tool: { readonly name: "coresieve"; readonly version: string; readonly node: string };
  /** ISO 8601. */
  readonly started: string;
  readonly ended: string;
  readonly input: {
    readonly description: string;
    readonly files: readonly (ManifestFile & {
      readonly sha256: string | null;
      /** See `InputFile.covers`. */
      readonly covers: "file" | "unpacked" | null;
      /** See `InputFile.withoutDigest`. */
      readonly withoutDigest: "unwanted" | "machine" | "changed" | null;
    })[];
  };
  readonly output: ManifestFile & {
    /** Digest of the file, or of the bytes that went through the stream: packed or flattened, if the output is. */
    readonly sha256: string;
    readonly format: OutputFormat;
    /** Includes the levels of the input's earlier filter runs. */
    readonly level: number;
    readonly flattened: boolean;
    /** zstd, lz4 or gzip, if the whole file is packed. */
    readonly packing: string | null;
    readonly incomplete: boolean;
    /**
     * The file that is handed over, if the dump is sealed in it with age. All other members are about the dump inside.
     */
    readonly sealed: (ManifestFile & { readonly sha256: string; readonly recipients: number }) | null;
  };
  readonly options: {
    readonly level: number;
    readonly dropped: readonly string[];
    readonly privacy: boolean;
    /** With `privacy`: kept pages have no text and no payload either. */
    readonly privacyStrict: boolean;
    /** Data that `privacy` overwrote in addition to its usual ones. */
    readonly privacyExtra: readonly string[];
    /** Texts that were kept with `privacyStrict`. */
    readonly privacyKeep: readonly string[];
    /** File name of erase rules. */
    readonly erase: string | null;
    /** SHA-256 of the rules' text. */
    readonly eraseSha256: string | null;
    readonly format: OutputFormat;
    readonly codec: string;
    readonly compressionLevel: number | null;
    readonly dedupe: boolean;
    /** Whether struct pages of dropped pages were dropped too. */
    readonly excludeUnusedVmemmap: boolean;
    /** File name of the module that also decided about pages. */
    readonly extension: string | null;
    readonly vmcoreinfoGiven: boolean;
    /** Whether damage of the input was skipped. */
    readonly salvage: boolean;
    /** For an input of bare memory: `auto`, or the addresses of its pieces. */
    readonly raw: string | null;
    /** The architecture and the snapshot, if the user named them. */
    readonly arch: string | null;
    readonly snapshot: string | null;
    /** File name of the kernel's vmlinux. */
    readonly vmlinux: string | null;
    /**
     * Levels to fall back to when there is no room, the most bytes of the output, and what to do with an output that is
     * full.
     */
    readonly fallbackLevels: readonly number[];
    readonly sizeLimit: number | null;
    readonly onFull: "nothing" | "incomplete";
    /** Whether the file was on the disk before it got its name. */
    readonly sync: boolean;
  };
  readonly kernel: {
    readonly release: string | null;
    readonly buildId: string | null;
    readonly arch: string;
    readonly pageSize: number;
    readonly memoryModel: string | null;
    /** ISO 8601; a dump of a live machine has none. */
    readonly crashTime: string | null;
  };
  /** Numbers of pages. */
  readonly pages: {
    readonly input: number;
    readonly kept: number;
    readonly dropped: Readonly<Record<string, number>>;
    readonly beyondMemMap: number;
    readonly unreadable: number;
  };
  /** What a run with privacy was able to do, from the run's result. */
  readonly privacy: object | null;
  readonly doubts: {
    /** Pages that could not be classified. */
    readonly unclassified: number;
    readonly warnings: readonly DumpWarning[];
  };
  /** The lines of the output's eraseinfo: data that this run and earlier ones overwrote. */
  readonly erased: readonly string[];
}

/** A file without its folder. */
export interface ManifestFile {
  readonly name: string;
  readonly bytes: number;
}

/** The sources of a manifest. */
export interface ManifestFacts {
  /** The input. */
  readonly dump: Dump;
  /** The output, opened. Absent if it went through a stream or is packed. */
  readonly written?: Dump;
  readonly options: FilterOptions;
  readonly result: FilterResult;
  readonly inputFiles: readonly InputFile[];
  readonly outputDigest: FileDigest;
  /** The file that the output is sealed in. */
  readonly sealed?: NonNullable<Manifest["output"]["sealed"]>;
  readonly version: string;
  readonly started: Date;
  readonly ended: Date;
}

const aResult = havingMembers(["classes", "level"], "a result of filterDump");
const FACTS: Shape<ManifestFacts> = {
  ...{ dump: dumpLike, written: maybe(dumpLike), options: havingMembers(["output"], "the options of filterDump") },
  result: aResult,
  inputFiles: listOf(havingMembers(["path", "bytes"], "a file of filesOfDump")),
  outputDigest: havingMembers(["bytes", "sha256"], "a digest of digestFile"),
  ...{ sealed: anyValue, version: aText, started: aDate, ended: aDate },
};

/** Makes the manifest of a run. Throws `BAD_OPTION`. A pure function: the caller opens files and computes digests. */
export function manifestOf(facts: ManifestFacts): Manifest {
  checkGiven(facts, FACTS);
  const { dump, written, result, inputFiles, outputDigest } = facts;
  const options = wholeFilterOptions(facts.options);
  const info = written?.vmcoreinfo ?? dump.vmcoreinfo;
  const crashed = written?.header.timestamp ?? dump.header.timestamp ?? info?.crashTime;
  const { kept, ...dropped } = result.classes;
  const extension = result.extension?.file;
  const output = "path" in options.output ? basename(options.output.path) : "stdout";
  const files = inputFiles.map(recordOfFile);
  const before = Buffer.from((written ?? dump).eraseinfo ?? []).toString("utf8");
  const now = written === undefined ? (result.erase?.record ?? []) : [];
  return {
    manifestVersion: 1,
    tool: { name: "coresieve", version: facts.version, node: process.version },
    started: facts.started.toISOString(),
    ended: facts.ended.toISOString(),
    input: { description: dump.header.description, files },
    output: {
      name: output,
      ...outputDigest,
      format: options.format,
      level: result.level,
      flattened: "stream" in options.output && !options.output.plain,
      packing: ("pack" in options.output && options.output.pack) || null,
      incomplete: result.incomplete,
      sealed: facts.sealed ?? null,
    },
    options: {
      level: options.level,
      dropped: namesOfLevel(options.level),
      privacy: Boolean(options.privacy),
      privacyStrict: options.privacy === "strict",
      privacyExtra: options.privacyExtra ?? [],
      privacyKeep: options.privacyKeep ?? [],
      erase: options.erase === undefined ? null : basename(options.erase.name),
      eraseSha256: options.erase === undefined ? null : textDigest(options.erase.text),
      format: options.format,
      codec: options.codec.name,
      compressionLevel: options.codec.level ?? null,
      dedupe: options.dedupe ?? false,
      excludeUnusedVmemmap: options.excludeUnusedVmemmap ?? false,
      extension: extension === undefined ? null : basename(extension),
      vmcoreinfoGiven: [options.vmcoreinfo, options.vmcoreinfoDevice, options.vmcoreinfoAt].some(
        (one) => one !== undefined,
      ),
      salvage: dump.opened?.salvage ?? false,
      raw: dump.opened?.raw ?? null,
      arch: dump.opened?.arch ?? null,
      snapshot: dump.opened?.snapshot ?? null,
      vmlinux: options.vmlinux === undefined ? null : basename(nameOf(options.vmlinux)),
      fallbackLevels: options.fallbackLevels ?? [],
      sizeLimit: options.sizeLimit ?? null,
      onFull: options.onFull ?? "nothing",
      sync: "sync" in options.output && options.output.sync === true,
    },
    kernel: {
      release: result.kernelRelease ?? null,
      buildId: info?.buildId ?? null,
      arch: result.arch,
      pageSize: result.pageSize,
      memoryModel: result.memoryModel ?? null,
      crashTime: crashed === undefined ? null : new Date(crashed * 1000).toISOString(),
    },
    pages: {
      input: result.inputPages,
      kept,
      dropped,
      beyondMemMap: result.beyondMemMap,
      unreadable: result.unreadable,
    },
    privacy: result.privacy ?? null,
    doubts: { unclassified: result.unclassified, warnings: result.warnings },
    erased: [...before.split(/[\n\0]+/).filter((line) => line !== ""), ...new Set(now)],
  };
}

const nameOf = (given: GivenFile): string => (typeof given === "string" ? given : given.name);

/** An input file as records have it. */
export function recordOfFile({
  path,
  bytes,
  sha256,
  covers,
  withoutDigest,
}: InputFile): Manifest["input"]["files"][number] {
  return {
    name: basename(path),
    bytes,
    sha256: sha256 ?? null,
    covers: covers ?? null,
    withoutDigest: withoutDigest ?? null,
  };
}
