import type { PhysicalRange } from "../reader/physical-memory.js";
import { type OutputFormat, outputFormatFacts } from "../writer/output-format.js";
import type { FilterResult } from "./filter-types.js";
import type { PlannedDump } from "./plan-dump.js";

/** The part of a run's result for an image of memory, `size` bytes long; empty for other outputs. */
export function imageResult(
  format: OutputFormat,
  { dump, plan, kept }: Pick<PlannedDump, "dump" | "plan" | "kept">,
  zeroPages: number,
  size: number,
): Pick<FilterResult, "holeBytes" | "memory"> {
  if (outputFormatFacts(format).holdsNotes) return {};
  const { pageSize } = dump;
  if (format === "lime") return { holeBytes: zeroPages * pageSize };
  const end = plan.maxMapnr * pageSize;
  const memory = dump.ranges.filter(({ start }) => start < end).map((range) => clipped(range, end));
  return { holeBytes: size - (kept - zeroPages) * pageSize, memory };
}

function clipped({ start, end }: PhysicalRange, most: number): PhysicalRange {
  return { start, end: Math.min(end, most) };
}
