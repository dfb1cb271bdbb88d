import type { Warnings } from "../warnings.js";
import type { Dump, DumpHeader } from "./dump.js";
import type { Extents } from "./extents.js";
import { countCpus, parseNotes } from "./notes.js";
import { joinRanges } from "./ranges.js";
import { closeOnce, type SourceImage } from "./source/source-image.js";

/** What the file of a dump without a kernel's own headers says about itself. */
interface FileFacts extends Pick<DumpHeader, "description" | "format" | "incomplete"> {
  readonly codecs?: readonly string[];
  /** Seconds since 1970. */
  readonly timestamp?: number | undefined;
  /** The note area: notes that were made of registers in the file. */
  readonly noteArea?: Uint8Array | undefined;
}

type Members = "image" | "machine" | "pageSize" | "maxMapnr" | "memory";

/**
 * The dump in files that have memory, and no header of kdump's or of ELF: its VMCOREINFO is in its memory, if anywhere.
 * `all`: the physical memory that they have.
 */
export function headerlessDump(
  sources: readonly SourceImage[],
  { description, format, incomplete, codecs = [], timestamp, noteArea = new Uint8Array(0) }: FileFacts,
  members: Pick<Dump, Members> & { readonly machineGuessed?: boolean },
  all: Extents,
  warnings: Warnings,
): Dump {
  const [first] = sources;
  const paths = sources.map(({ file }) => file.path);
  const flattened = sources.some((source) => source.flattened !== undefined);
  const notes = parseNotes(noteArea, members.machine.littleEndian, first?.file.path ?? "", warnings);
  return {
    ...members,
    paths,
    fileSize: sources.reduce((sum, { file }) => sum + file.size, 0),
    header: {
      ...{
        description: `${description}${flattened ? ", flattened" : ""}`,
        format,
        flattened,
        codecs,
        incomplete,
        timestamp,
      },
      ...{ headerVersion: undefined, parts: 1, dumpLevel: 0, utsname: undefined, physBase: undefined },
      cpus: countCpus(notes),
    },
    noteArea,
    notes,
    vmcoreinfo: undefined,
    eraseinfo: undefined,
    ranges: joinRanges(all),
    close: closeOnce(sources),
  };
}
