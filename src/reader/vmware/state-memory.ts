import { DumpError } from "../../errors.js";
import type { Piece } from "../extents.js";
import { fields } from "../fields.js";
import type { StateFile } from "./state-tags.js";

const PAGE = 4096;
/** Two are usual; as many as ten were never seen. */
const MAX_REGIONS = 1024;

/** The memory that a saved state describes. */
export interface StateMemory {
  /** Physical ranges, and where each begins in the memory. Empty: the memory begins at 0 and has no holes. */
  readonly regions: readonly Piece[];
  /** The memory, if it is in the state file. */
  readonly block: { readonly offset: number; readonly size: number } | undefined;
}

/** Reads the group "memory". Throws `CORRUPT`, `TRUNCATED`, `LIMIT`, and `UNSUPPORTED` if the memory is packed. */
export function stateMemory(state: StateFile, file: string): StateMemory {
  const words = new Map<string, number>();
  let block: StateMemory["block"];
  state.tags("memory", ({ name, value, block: found }) => {
    if (value?.length === 4 && /^region(sCount$|(PPN|PageNum|Size)\[\d+\]$)/.test(name)) {
      if (words.size <= 3 * MAX_REGIONS) words.set(name, fields(value, true, file).u32(0));
    } else if (name === "Memory[0][0]" && found !== undefined) {
      if (found.packed) throw packed(file, found.offset);
      block = found;
    }
  });
  const count = words.get("regionsCount") ?? 0;
  if (count > MAX_REGIONS) throw damaged(file, `${count} regions of memory, and at most ${MAX_REGIONS} are believed`);
  const regions = Array.from({ length: count }, (_, i) => {
    const [start, source, size] = ["PPN", "PageNum", "Size"].map((part) => words.get(`region${part}[${i}]`));
    if (start === undefined || source === undefined || size === undefined) {
      throw damaged(file, `${count} regions of memory, and does not say where region ${i} is`);
    }
    return { start: start * PAGE, end: (start + size) * PAGE, source: source * PAGE };
  });
  return { regions, block };
}

function packed(file: string, offset: number): DumpError {
  return new DumpError("UNSUPPORTED", "its VMware state has the memory packed in a way that only VMware knows", {
    file,
    offset,
    cure: "Take the snapshot with the memory in a file of its own (.vmem)",
  });
}

function damaged(file: string, what: string): DumpError {
  return new DumpError("CORRUPT", `its VMware state has ${what}`, {
    file,
    cure: "The file is damaged: copy it again from where it was made",
  });
}
