import { DumpError } from "../../errors.js";
import type { LongWork } from "../../long-work.js";
import { ofFile, type Warnings } from "../../warnings.js";
import { cutOffError } from "../damage.js";
import { layer } from "../extents.js";
import type { Opening } from "../format.js";
import { headerlessDump } from "../headerless-dump.js";
import { factsOf, type Machine, machineNamed, USUAL_MACHINE } from "../machine.js";
import { checkData, checkPageCount } from "../page-count.js";
import type { PagedImage } from "../paged/image.js";
import { pagedMemory } from "../paged/memory.js";
import type { ByteSource } from "../source/byte-source.js";
import { attachSource, bytesHeld, type SourceImage } from "../source/source-image.js";
import { damageOf } from "../tolerant-memory.js";
import { findDescription } from "./description.js";
import { type DeviceState, readDevices } from "./devices.js";
import { CPU, hintsOf, PC_CLOCK, type PlacedMemory, placeMemory } from "./machines.js";
import type { PluggedMemory } from "./plugged.js";
import { savedCpuNotes } from "./registers.js";
import { type ReadStream, readStream } from "./sections.js";
import { StreamReader } from "./stream.js";

/** How to open a stream. */
export interface MigrationOptions {
  /** The machine that the user named. */
  readonly machine: Machine | undefined;
  readonly salvage: boolean;
  readonly warnings: Warnings;
  /** Memory whose place is known from elsewhere. */
  readonly plugged?: readonly PluggedMemory[];
}

/**
 * Opens a QEMU migration stream (`migrate "exec:cat > FILE"`, `migrate file:FILE`, plain `virsh dump`); with `salvage`,
 * reads a stream that is cut off as far as possible. The last copy of a page counts; pages that were never sent are
 * zeros. Throws what its parts throw.
 */
export function* openMigration(sourceImage: SourceImage, options: MigrationOptions, start = 0): Opening {
  const { machine: given, salvage, warnings } = options;
  const source = attachSource(sourceImage);
  const held = bytesHeld(sourceImage);
  const reader = new StreamReader(source, start, held);
  const salvaged = (error: unknown): DumpError => {
    if (!salvage) throw error;
    return damageOf(error);
  };
  const stream = yield* readStream(reader, salvaged);
  const { settings, ram, plugged, ramEnded } = stream;
  const devices = yield* readState(reader, stream);
  const cut = stream.cut ?? (devices === undefined ? salvaged(endsInDevices(source)) : undefined);
  const hints = hintsOf(devices ?? [], [...plugged, ...(options.plugged ?? [])]);
  const placed = placeMemory(settings.machine, ram.blocks, settings.pageSize, hints);
  if (placed === undefined) throw unknownMachine(stream, source.name);
  sayWhatIsLeftOut(cut, stream, placed, source.name, warnings);
  const likely = given ?? placed.machine ?? USUAL_MACHINE;
  const cpus = (devices ?? []).filter(({ name }) => name === CPU);
  const { noteArea, arch, failed } = savedCpuNotes(cpus, likely);
  const machine = given ?? (arch === likely.arch ? likely : (machineNamed(arch) ?? likely));
  if (failed > 0) {
    warnings.add(
      "NOTE",
      ofFile(source.name, "the saved registers of some CPUs were not understood: those of all CPUs are left out"),
      failed,
    );
  }
  const { pageSize } = factsOf(machine.arch);
  const memory = layer(placed.pieces);
  const maxMapnr = Math.ceil((memory.end[memory.count - 1] as number) / pageSize);
  checkPageCount(maxMapnr, source.name);
  // Pages that were never sent are zeros, which every run reads and encodes.
  if (ramEnded || settings.capabilities.has("mapped-ram")) checkData(memory, held, source.name);
  const image: PagedImage = {
    kind: "paged",
    source: sourceImage,
    pageSize,
    unit: settings.pageSize,
    memory,
    index: ram.pages.finish(),
    unlistedAreZero: ramEnded,
    tolerant: salvage,
  };
  const description = `QEMU migration stream of ${settings.machine || "a machine without a name"}`;
  const incomplete = cut !== undefined || sourceImage.flattened?.cut !== undefined;
  return headerlessDump(
    [sourceImage],
    { description, format: "qemu-migration", incomplete, noteArea },
    { image, machine, machineGuessed: given === undefined, pageSize, maxMapnr, memory: pagedMemory(image) },
    memory,
    warnings,
  );
}

/**
 * The states of the devices that are used; `undefined` if the stream ends in them. Machine types before 2.3 describe no
 * devices.
 */
function* readState(
  reader: StreamReader,
  { devices, footers }: ReadStream,
): LongWork<readonly DeviceState[] | undefined> {
  if (devices === undefined) return [];
  const description = yield* findDescription(reader, devices);
  if (description === undefined) return footers ? undefined : [];
  return yield* readDevices(reader, devices, description.devices, (name) => name === CPU || name === PC_CLOCK);
}

function endsInDevices({ name, size }: ByteSource): DumpError {
  return cutOffError(name, "ends within the state of the machine's devices, behind its memory", size);
}

function sayWhatIsLeftOut(
  cut: DumpError | undefined,
  { ramEnded }: ReadStream,
  { unplaced }: PlacedMemory,
  file: string,
  warnings: Warnings,
): void {
  if (cut !== undefined) {
    const lost = ramEnded ? "the registers of its CPUs are lost" : "pages that come later are left out";
    warnings.add("CUT_OFF", { summary: `${cut.summary}; ${lost}`, reason: `${cut.reason}; ${lost}` });
  }
  for (const { name, length } of unplaced) {
    const what = `${length} bytes of memory in block ${JSON.stringify(name)}: the stream does not say where it lies, and it is left out`;
    warnings.add("UNPLACED_MEMORY", ofFile(file, what));
  }
}

function unknownMachine({ settings, ram }: ReadStream, file: string): DumpError {
  const largest = ram.blocks.reduce((a, b) => (b.length > a.length ? b : a));
  return new DumpError(
    "UNSUPPORTED",
    `is a QEMU migration stream of machine ${JSON.stringify(settings.machine)}, whose memory (${JSON.stringify(largest.name)}) lies at addresses that coresieve does not know`,
    { file, cure: "Start the machine from it, and dump it with dump-guest-memory" },
  );
}
