import { DumpError } from "../../errors.js";
import type { LongWork } from "../../long-work.js";
import { type PluggedMemory, readPlugged } from "./plugged.js";
import { type RamPages, RamReader, type StreamSettings } from "./ram.js";
import { damagedStream, type StreamReader } from "./stream.js";

/**
 * The sections of a QEMU migration stream, version 3 (docs/devel/migration of QEMU; seen with 7.2 and 11.1): a head of
 * 8 bytes, then sections that begin with a byte for their kind. Only RAM is read here. The length of other sections'
 * data is not stored: they end at a footer with their number.
 */
export const SECTION = {
  end: 0x00,
  start: 0x01,
  part: 0x02,
  last: 0x03,
  full: 0x04,
  subsection: 0x05,
  description: 0x06,
  configuration: 0x07,
  command: 0x08,
  footer: 0x7e,
} as const;

const VERSION = 3;
/** Names of machines are 30 characters long at most. */
const MOST_NAME = 1024;
/** QEMU 11 knows some 30 capabilities. */
const MOST_CAPABILITIES = 1024;

/** The part of a stream before the devices' state. */
export interface ReadStream {
  readonly settings: StreamSettings;
  readonly ram: RamPages;
  /** What virtio-mem devices have plugged in, where the stream says it. */
  readonly plugged: readonly PluggedMemory[];
  /** File offset of the devices' state; `undefined` if the stream ends before. */
  readonly devices: number | undefined;
  /** Whether sections have footers. Then the stream also has a description: both came with machine types of 2.3. */
  readonly footers: boolean;
  /** Whether all of the memory was read. */
  readonly ramEnded: boolean;
  /** With salvage: why reading stopped early. */
  readonly cut: DumpError | undefined;
}

/**
 * Reads a stream from the reader's position up to its devices' state. Throws `TRUNCATED`, `CORRUPT`, `LIMIT`,
 * `UNSUPPORTED`. With `salvage`, an error that ends the stream is returned in `cut`.
 */
export function* readStream(reader: StreamReader, salvaged: (error: unknown) => DumpError): LongWork<ReadStream> {
  const start = reader.position;
  reader.skip(4);
  const version = reader.u32();
  if (version !== VERSION) {
    throw new DumpError("UNSUPPORTED", `is a QEMU migration stream of version ${version}; version 3 is known`, {
      file: reader.source.name,
      offset: start + 4,
      cure: "QEMU before 0.11 wrote it: start the machine from it, and dump it with dump-guest-memory",
    });
  }
  const walk = new SectionWalk(reader);
  let cut: DumpError | undefined;
  let devices: number | undefined;
  try {
    devices = yield* walk.toDevices();
  } catch (error) {
    cut = salvaged(error);
  }
  const { ram } = walk;
  // Without the list of blocks there is nothing to salvage.
  if (ram === undefined || ram.blocks.length === 0) {
    throw (
      cut ??
      new DumpError("NOT_A_DUMP", "is a QEMU migration stream without any memory", {
        file: reader.source.name,
        cure: NO_RAM,
      })
    );
  }
  const { settings, footers, ramEnded, plugged } = walk;
  return { settings, ram, plugged, devices, footers, ramEnded, cut };
}

const NO_RAM = "Save the machine again: `migrate`, `savevm`, or dump-guest-memory";

class SectionWalk {
  settings: StreamSettings = { machine: "", capabilities: new Set(), pageSize: 4096 };
  #memory: RamReader | undefined;
  ramEnded = false;
  footers = false;
  readonly plugged: PluggedMemory[] = [];
  #ramId: number | undefined;

  constructor(private readonly reader: StreamReader) {}

  get ram(): RamPages | undefined {
    return this.#memory?.ram;
  }

  /**
   * Walks the sections up to the first one of a device that comes after all memory, with a yield before each part of
   * the memory.
   */
  *toDevices(): LongWork<number> {
    const reader = this.reader;
    for (;;) {
      const at = reader.position;
      const type = reader.u8();
      if (this.ramEnded && (type === SECTION.full || type === SECTION.end)) return at;
      if (type === SECTION.configuration) this.#configuration();
      else if (type === SECTION.command) {
        reader.u16();
        reader.skip(reader.u16());
      } else if (type === SECTION.start || type === SECTION.full) yield* this.#begins(type);
      else if (type === SECTION.part || type === SECTION.last) {
        const id = reader.u32();
        if (id === this.#ramId) {
          // Each part is what QEMU writes in 50 ms.
          yield;
          this.#ramSection(id);
          this.ramEnded = type === SECTION.last;
        } else yield* this.#pass(id);
      } else throw damagedStream(reader.source, at, `a section of unknown kind 0x${type.toString(16)}`);
    }
  }

  *#begins(type: number): LongWork<void> {
    const reader = this.reader;
    const at = reader.position;
    const id = reader.u32();
    const name = reader.name();
    reader.u32();
    const version = reader.u32();
    if (name !== "ram" || type === SECTION.full) {
      const start = reader.position;
      const found = readPlugged(reader, name);
      if (found !== undefined && reader.left > 5 && passFooter(reader, id)) {
        this.plugged.push(found);
        return;
      }
      reader.position = start;
      yield* this.#pass(id);
      return;
    }
    if (version !== 3 && version !== 4) {
      throw new DumpError("UNSUPPORTED", `has its memory in version ${version}; versions 3 and 4 are known`, {
        file: reader.source.name,
        offset: at,
        cure: "Dump the machine with dump-guest-memory",
      });
    }
    if (this.#ramId !== undefined) throw damagedStream(reader.source, at, "two sections of memory");
    this.#ramId = id;
    this.#memory = new RamReader(reader, this.settings);
    this.#ramSection(id);
  }

  #ramSection(id: number): void {
    const reader = this.reader;
    this.#memory?.part();
    // Machine types before 2.3 have no footers.
    if (reader.peek() !== SECTION.footer) return;
    this.footers = true;
    const at = reader.position;
    if (!passFooter(reader, id)) throw damagedStream(reader.source, at, `a footer that is not section ${id}'s`);
  }

  #configuration(): void {
    const reader = this.reader;
    const length = reader.u32();
    if (length > MOST_NAME)
      throw damagedStream(reader.source, reader.position - 4, `a machine's name of ${length} bytes`);
    let settings: StreamSettings = { ...this.settings, machine: reader.bytes(length).toString("latin1") };
    while (reader.peek() === SECTION.subsection) {
      reader.u8();
      const at = reader.position;
      const name = reader.name();
      reader.u32();
      if (name === "configuration/capabilities") {
        const count = reader.u32();
        if (count > MOST_CAPABILITIES) throw damagedStream(reader.source, at, `${count} capabilities`);
        settings = { ...settings, capabilities: new Set(Array.from({ length: count }, () => reader.name())) };
      } else if (name === "configuration/target-page-bits") {
        const bits = reader.u32();
        if (bits < 12 || bits > 16) throw damagedStream(reader.source, at, `pages of 2^${bits} bytes`);
        settings = { ...settings, pageSize: 2 ** bits };
      } else if (name === "configuration/uuid") reader.skip(16);
      else throw damagedStream(reader.source, at, `an unknown part of its configuration, ${JSON.stringify(name)}`);
    }
    this.settings = settings;
  }

  /** Skips a section of unknown length: to its footer, which must be followed by another section. */
  *#pass(id: number): LongWork<void> {
    const reader = this.reader;
    const start = reader.position;
    yield;
    const behind = yield* findFooter(reader, id);
    if (behind !== undefined) {
      reader.position = behind;
      return;
    }
    if (reader.searchEnded) throw noEnd(reader, start);
    // The search reached the end of the file: this skip reports that it is cut off.
    reader.position = start;
    reader.skip(reader.left + 1);
  }
}

function noEnd({ source, held }: StreamReader, offset: number): DumpError {
  const what = `the end of a section was not found: the file stores ${held} bytes, too few for the ${source.size} that it claims`;
  const cure = "The file was not written or copied to the end, or it is not a machine's stream";
  return new DumpError("LIMIT", what, { file: source.name, offset, cure });
}

/** Reads a section's footer; returns false if there is none. */
export function passFooter(reader: StreamReader, id: number): boolean {
  return reader.u8() === SECTION.footer && reader.u32() === id;
}

/** Bytes of a footer, and the byte behind it. */
const FOOTER = 5;

/**
 * The position behind the next footer of a section, searched from the reader's position on; `undefined` if there is
 * none, or not as far as may be searched. The reader's position is then of no meaning.
 */
export function* findFooter(reader: StreamReader, id: number): LongWork<number | undefined> {
  const footer = Buffer.alloc(FOOTER);
  footer[0] = SECTION.footer;
  footer.writeUInt32BE(id, 1);
  for (;;) {
    // What is at hand is searched first: a stream may have thousands of short sections.
    const piece = reader.ahead(FOOTER + 1);
    if (piece.length <= FOOTER) return undefined;
    for (let at = piece.indexOf(footer); at >= 0 && at + FOOTER < piece.length; at = piece.indexOf(footer, at + 1)) {
      if ((piece[at + FOOTER] as number) <= SECTION.command) return reader.position + at + FOOTER;
    }
    // A footer at the very end is found with what follows.
    const passed = piece.length - FOOTER;
    if (!reader.maySearch(passed)) return undefined;
    reader.position += passed;
    yield;
  }
}
