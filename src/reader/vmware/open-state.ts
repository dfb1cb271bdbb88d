import { DumpError } from "../../errors.js";
import { ofFile } from "../../warnings.js";
import { x86Notes } from "../cpu-notes/x86_64.js";
import type { Dump } from "../dump.js";
import type { FormatOptions } from "../format.js";
import { behindState, layOutMemory, memoryBeside } from "../raw/beside-file.js";
import { memoryDump } from "../raw/memory-dump.js";
import { sourceSize } from "../source/joined-source.js";
import { attachSource, type SourceImage } from "../source/source-image.js";
import { VMWARE_FILES, vmemBeside } from "./names.js";
import { stateCpus } from "./state-cpus.js";
import { type StateMemory, stateMemory } from "./state-memory.js";
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
