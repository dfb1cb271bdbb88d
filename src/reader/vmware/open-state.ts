import { DumpError } from "../../errors.js";
import { ofFile } from "../../warnings.js";
import { x86Notes } from "../cpu-notes/x86_64.js";
import { damagedFileError } from "../damage.js";
import type { Dump } from "../dump.js";
import type { Piece } from "../extents.js";
import { fields } from "../fields.js";
import type { FormatOptions } from "../format.js";
import { behindState, layOutMemory, memoryBeside } from "../raw/beside-file.js";
import { memoryDump } from "../raw/memory-dump.js";
import { sourceSize } from "../source/joined-source.js";
import { attachSource, type SourceImage } from "../source/source-image.js";
import { VMWARE_FILES, vmemBeside } from "./open-guest.js";
import { stateCpus } from "./state-cpus.js";
import { readState, type StateFile } from "./state-tags.js";

/**
 * Opens a saved state of VMware (.vmss, .vmsn). Its memory is in it, or in a .vmem that the user named or that is in
 * the same folder. Throws `CORRUPT`, `TRUNCATED`, `LIMIT`, `UNSUPPORTED`, `NOT_READABLE`, `BAD_OPTION`.
 */
export function openVmwareState(images: readonly SourceImage[], options: FormatOptions): Dump {
  const [state, named] = images as readonly [SourceImage, SourceImage | undefined];
  const file = readState(attachSource(state));
  const memory = stateMemory(file, state.file.path);
  if (memory.block !== undefined) {
    if (named !== undefined) {
      throw new DumpError("BAD_OPTION", "holds its memory itself, but another file was named with it", {
        file: state.file.path,
        cure: "Leave out the other file",
      });
    }
    return openWith({ state, memory, file, inside: memory.block }, state, [state], options);
  }
  const beside = memoryBeside(state, named, VMWARE_FILES, vmemBeside, options);
  try {
    return openWith({ state, memory, file }, beside.image, [state, beside.image], options);
  } catch (error) {
    beside.close();
    throw error;
  }
}

interface Opened {
  readonly state: SourceImage;
  readonly memory: StateMemory;
  readonly file: StateFile;
  readonly inside?: { readonly offset: number; readonly size: number };
}

function openWith(
  { state, memory, file, inside }: Opened,
  image: SourceImage,
  sources: readonly SourceImage[],
  options: FormatOptions,
): Dump {
  const { path } = state.file;
  const { size, base } =
    inside === undefined
      ? behindState(state, image)
      : { size: Math.max(0, Math.min(inside.size, sourceSize(state) - inside.offset)), base: inside.offset };
  const all = inside?.size ?? size;
  const pieces = memory.regions.length > 0 ? memory.regions : [{ start: 0, end: all, source: 0 }];
  const { data, cut } = layOutMemory({ pieces, size, base }, state, image, options);
  const { cpus, lacking } = stateCpus(file, attachSource(state));
  if (lacking !== undefined) {
    options.warnings.add(
      "NOTE",
      ofFile(path, `does not have all registers of CPU ${lacking}: those of all CPUs are left out`),
    );
  }
  if (file.partial)
    options.warnings.add("INCOMPLETE", ofFile(path, "its writer marked it as only a part of a saved state"));
  return memoryDump(
    {
      sources,
      data,
      format: "vmware",
      description: inside === undefined ? `VMware saved state, memory in ${image.file.path}` : "VMware saved state",
      incomplete: cut || file.partial,
      noteArea: x86Notes(cpus),
    },
    options,
  );
}

const PAGE = 4096;
/** Two are usual; as many as ten were never seen. */
const MAX_REGIONS = 1024;

/** The memory that a saved state describes. */
interface StateMemory {
  /** Physical ranges, and where each begins in the memory. Empty: the memory begins at 0 and has no holes. */
  readonly regions: readonly Piece[];
  /** The memory, if it is in the state file. */
  readonly block: { readonly offset: number; readonly size: number } | undefined;
}

/** Reads the group "memory". Throws `CORRUPT`, `TRUNCATED`, `LIMIT`, and `UNSUPPORTED` if the memory is packed. */
function stateMemory(state: StateFile, file: string): StateMemory {
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
  return damagedFileError("CORRUPT", file, `its VMware state has ${what}`);
}
