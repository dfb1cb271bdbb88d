import { formatBytes } from "../byte-size.js";
import { DumpError } from "../errors.js";
import { onlyGiven } from "../only-given.js";
import type { Dump } from "../reader/dump.js";
import { type FilterResult, filterDump, type WholeFilterOptions } from "../run/filter-dump.js";
import { Warnings } from "../warnings.js";
import { formatShare } from "./numbers.js";
import type { FilterRequest } from "./options/filter-request.js";

/** The output of `--json` if the input is kept: no output was written. */
export interface KeptInput {
  readonly kept: true;
  readonly files: readonly string[];
  readonly output: null;
  readonly inputBytes: number;
  /** Percent. */
  readonly minSaving: number;
  /** The most bytes that the output was allowed to have. */
  readonly mostBytes: number;
  /** Its expected bytes, plus or minus `expectedError`; null if a run was tried instead. */
  readonly expectedBytes: number | null;
  readonly expectedError: number | null;
}

/** The value of `--min-saving`, in percent of the input. Throws `BAD_OPTION`, also if the run could not be undone. */
export function minSavingOf(
  percent: number | undefined,
  { output, fallbackLevels, onFull }: Pick<FilterRequest, "output" | "fallbackLevels" | "onFull">,
): number | undefined {
  if (percent === undefined) return undefined;
  const other =
    output === undefined
      ? "what was sent to stdout cannot be taken back"
      : fallbackLevels.length > 0
        ? "several levels (-d) are for outputs of any size"
        : onFull === "incomplete"
          ? "--on-full incomplete leaves an output of any size"
          : undefined;
  if (other !== undefined) {
    throw new DumpError("BAD_OPTION", `--min-saving ${percent}, but ${other}`, { cure: "Use one of them" });
  }
  return percent;
}

/**
 * Filters a dump if that saves at least `percent` of its bytes. First a sample shows whether that is possible. If it is
 * still in doubt, the dump is written up to the size at which it would save too little.
 */
export async function filterIfWorth(
  dump: Dump,
  options: WholeFilterOptions,
  percent: number | undefined,
): Promise<FilterResult | KeptInput> {
  if (percent === undefined) return filterDump(dump, options);
  const mostBytes = Math.floor(dump.fileSize * (1 - percent / 100));
  const kept = (expected: { bytes: number; error: number } | undefined): KeptInput => ({
    kept: true,
    files: dump.paths,
    output: null,
    inputBytes: dump.fileSize,
    minSaving: percent,
    mostBytes,
    expectedBytes: expected?.bytes ?? null,
    expectedError: expected?.error ?? null,
  });
  const expected = await expectedSize(dump, options);
  if (mostBytes < 1 || (expected !== undefined && expected.bytes - expected.error > mostBytes)) return kept(expected);
  const { sizeLimit = Number.POSITIVE_INFINITY } = options;
  try {
    return await filterDump(dump, { ...options, sizeLimit: Math.min(sizeLimit, mostBytes) });
  } catch (error) {
    if (error instanceof DumpError && error.code === "SIZE_LIMIT" && mostBytes <= sizeLimit) return kept(undefined);
    throw error;
  }
}

/** The expected size; `undefined` if the output may be smaller than a sample can show. */
async function expectedSize(
  dump: Dump,
  options: WholeFilterOptions,
): Promise<{ bytes: number; error: number } | undefined> {
  const { format, privacy, dedupe, excludeUnusedVmemmap, erase, extension, level, codec, workers, signal, output } =
    options;
  const packed = "pack" in output && output.pack !== undefined;
  if (
    format !== "kdump" ||
    packed ||
    privacy ||
    dedupe ||
    excludeUnusedVmemmap ||
    erase !== undefined ||
    extension !== undefined
  ) {
    return undefined;
  }
  const { estimateDump } = await import("../estimate/estimate-dump.js");
  const { levels } = await estimateDump(dump, {
    // Only the options about the kernel: the others belong to a filter run.
    ...onlyGiven({
      vmcoreinfoAt: options.vmcoreinfoAt,
      vmcoreinfo: options.vmcoreinfo,
      vmlinux: options.vmlinux,
      vmcoreinfoDevice: options.vmcoreinfoDevice,
    }),
    codecs: [codec],
    warnings: new Warnings(),
    onProgress: () => undefined,
    ...onlyGiven({ workers, signal }),
  });
  return levels.find((one) => one.level === level)?.sizes[0];
}

const giveOrTake = (bytes: number) => (bytes === 0 ? "" : `, give or take ${formatBytes(bytes)}`);

/** One sentence for people. */
export function describeKept({ files, inputBytes, minSaving, expectedBytes, expectedError }: KeptInput): string {
  const why =
    expectedBytes === null
      ? "would save less"
      : `would save ${formatShare(inputBytes - expectedBytes, inputBytes)} of its ${formatBytes(inputBytes)}${giveOrTake(expectedError ?? 0)}`;
  return `${files.join(", ")}: nothing was written: filtering it ${why}, and --min-saving asks for ${minSaving} %`;
}
