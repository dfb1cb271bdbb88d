import { existsSync, statfsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { formatBytes } from "../../byte-size.js";
import { DumpError } from "../../errors.js";
import { estimateDump } from "../../estimate/estimate-dump.js";
import type { EstimateResult, LevelEstimate } from "../../estimate/estimate-result.js";
import { formatCount } from "../../readable-count.js";
import { describeSystemError } from "../../reader/source/byte-source.js";
import { Warnings } from "../../warnings.js";
import { defineCommand } from "../command.js";
import { completeOptions } from "../input-options.js";
import { needDump, openInputs } from "../open-inputs.js";
import { printJson, printLines, printWarnings } from "../print.js";

const USUAL_LEVELS = [0, 1, 16, 17, 23, 31];

/** `coresieve estimate DUMP…`: sizes of the possible outputs. */
export const estimateCommand = defineCommand({
  name: "estimate",
  about: {
    usage: "coresieve estimate DUMP... [options]: how large the output would be",
    text: `Classifies all pages, compresses some thousands of them, and shows for every
dump level and codec how large the file would be, without writing it; and how
much of a LiME image, bare memory or an ELF file would not be holes. The real
size lies within the errors shown in 99 of 100 cases at least. Of a small dump
it takes as long as filtering. The last column is for LiME, --raw and -E.`,
    examples: `Example
  coresieve estimate vmcore --to /mnt/upload`,
  },
  async run(files, values, { signal }) {
    needDump(files, "coresieve estimate DUMP");
    const wanted = values.level ?? USUAL_LEVELS;
    const complete = await completeOptions(values);
    const warnings = new Warnings();
    const dump = await openInputs(files, warnings, values, signal);
    try {
      const room = values.to === undefined ? undefined : roomAt(values.to);
      const result = await estimateDump(dump, { ...complete, warnings, signal });
      if (values.json) {
        printJson({ ...result, roomBytes: room ?? null }, 1);
        return;
      }
      const where = values.to === undefined ? undefined : placeOf(values.to);
      printLines(describeEstimate(result, wanted, room, where));
      printWarnings(result.warnings);
    } finally {
      dump.close();
    }
  },
});

/** Bytes that an unprivileged user can still write there. For a missing file, its folder is checked. */
function roomAt(path: string): number {
  const full = resolve(path);
  const folder = existsSync(full) && statSync(full).isDirectory() ? full : dirname(full);
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch (error) {
    throw new DumpError("NOT_WRITABLE", `the free space there is not known: ${describeSystemError(error)}`, {
      file: path,
      cure: "Name a folder that exists, or a file in one",
    });
  }
}

/** The place that was checked. A missing name may be a misspelt folder, or a disk that is not mounted. */
function placeOf(path: string): string {
  return existsSync(path) ? path : `${dirname(resolve(path))} (${path} is not there yet)`;
}

function describeEstimate(
  result: EstimateResult,
  wanted: readonly number[],
  room: number | undefined,
  to: string | undefined,
): string[] {
  const { files, inputBytes, inputPages, sampledPages } = result;
  const rows = result.levels.filter(({ level }) => wanted.includes(level));
  const codecs = rows[0]?.sizes.map(({ codec }) => codec) ?? [];
  const lines = [
    `Dump    ${files.join(", ")}: ${formatBytes(inputBytes)}, ${formatCount(inputPages)} pages, ${result.pageSize / 1024} KiB each`,
    `Sample  ${formatCount(sampledPages)} pages; sizes are right within the percentages in 99 of 100 cases`,
    "",
    `level       pages${codecs.map((codec) => codec.padStart(14)).join("")}${"lime, raw, -E".padStart(15)}`,
    ...rows.map((row) => tableRow(row, room)),
    "",
  ];
  if (room !== undefined) lines.push(`Room    ${formatBytes(room)} at ${to}; sizes with ! may not fit`);
  lines.push(savingLine(result));
  return lines;
}

function tableRow({ level, pages, sizes, ...rest }: LevelEstimate, room: number | undefined): string {
  const memory = { bytes: rest.memoryBytes, error: rest.memoryError };
  const cells = [...sizes, memory].map(({ bytes, error }, i) => {
    const percent = bytes === 0 ? 0 : (100 * error) / bytes;
    const mark = room !== undefined && bytes + error > room ? "!" : " ";
    const near = percent === 0 ? "" : `±${percent < 9.5 ? Math.ceil(percent) : Math.round(percent)}%`;
    return `${formatBytes(bytes).replace(" bytes", " B")}${near.padStart(4)}${mark}`.padStart(
      i < sizes.length ? 14 : 15,
    );
  });
  return `${String(level).padStart(5)}${formatCount(pages).padStart(12)}${cells.join("")}`;
}

/** Whether filtering this file is worthwhile at all: a dump that was filtered before may not shrink. */
function savingLine({ levels, inputBytes }: EstimateResult): string {
  const last = levels.at(-1);
  const best = last?.sizes.reduce((a, b) => (b.bytes < a.bytes ? b : a));
  if (last === undefined || best === undefined) return "Nothing to estimate";
  const saving = 100 * (1 - best.bytes / inputBytes);
  const sure = 100 * (1 - (best.bytes + best.error) / inputBytes);
  const how = `level ${last.level} with ${best.codec}`;
  if (saving < 1) return `Saving  none: ${how} would not make it smaller`;
  return `Saving  ${saving.toFixed(saving > 99 ? 1 : 0)} % at ${how}, at least ${Math.max(0, sure).toFixed(sure > 99 ? 1 : 0)} %`;
}
