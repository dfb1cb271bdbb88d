/**
 * QEMU migration streams, written from a short description of what a stream has: blocks of memory, then parts of records in any order. After QEMU's
 * docs/devel/migration; what real ones have beside that is in test/services/qemu.test.ts.
 */
import { deflateSync } from "node:zlib";
import { ByteBuffer, type Integer } from "./bytes.js";

/** One record of memory. Pages are numbers within their block. */
export type StreamRecord =
  | { readonly page: number; readonly data: Uint8Array; readonly as?: "plain" | "zlib"; readonly block?: string }
  | { readonly page: number; readonly fill: number; readonly block?: string }
  /** XBZRLE: runs of bytes that stay and of bytes that come. */
  | {
      readonly page: number;
      readonly changes: readonly (readonly [stay: number, come: Uint8Array])[];
      readonly block?: string;
    }
  | { readonly flush: true }
  /** Any record: its word, and what follows. */
  | { readonly word: Integer; readonly behind?: Uint8Array };

export interface StreamBlock {
  readonly name: string;
  readonly length: Integer;
  /** Behind the length, with postcopy-ram. */
  readonly hugePageSize?: number;
  /** With x-ignore-shared. */
  readonly address?: Integer;
}

/** A section of a device. `data` are its bytes, of any form. */
export interface StreamDevice {
  readonly name: string;
  readonly instance?: number;
  readonly version?: number;
  readonly data: Uint8Array;
}

export interface StreamOptions {
  readonly version?: number;
  readonly machine?: string;
  readonly capabilities?: readonly string[];
  readonly pageBits?: number;
  readonly blocks: readonly StreamBlock[];
  /** Each in a part of its own. */
  readonly parts: readonly (readonly StreamRecord[])[];
  readonly ramVersion?: number;
  /** Machine types before 2.3 have none. */
  readonly footers?: boolean;
  /** Another section that goes on beside the memory, a part before each of its parts. */
  readonly beside?: Uint8Array;
  readonly devices?: readonly StreamDevice[];
  /** Before all memory. */
  readonly early?: readonly StreamDevice[];
  /** Behind all, in JSON. Default: one without devices, where there are footers; `null`: none. */
  readonly description?: unknown;
  /** Of mapped-ram: the pages that each block stores, by their numbers. */
  readonly stored?: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>;
  /** Bytes before the stream: offsets of mapped-ram count them. */
  readonly before?: number;
}

const RAM_ID = 2;
const BESIDE_ID = 3;
const FIRST_DEVICE_ID = 4;
const FIRST_EARLY_ID = 1000;
/** Where QEMU puts the pages of mapped-ram. */
const ALIGNMENT = 1 << 16;

/** The stream that these options describe. */
export function buildMigration(options: StreamOptions): Uint8Array {
  const { capabilities = [], blocks, parts, beside, footers = true, devices = [], early = [] } = options;
  const out = new ByteBuffer("big", 1 << 16);
  out.seek(options.before ?? 0);
  out.text("QEVM", 4).u32(options.version ?? 3);
  writeConfiguration(out, options);
  const footer = (id: number) => {
    if (footers) out.u8(0x7e).u32(id);
  };
  const begin = (type: number, id: number, name: string, instance: number, version: number) => {
    out.u8(type).u32(id);
    named(out, name).u32(instance).u32(version);
  };
  early.forEach(({ name, instance = 0, version = 1, data }, i) => {
    begin(4, FIRST_EARLY_ID + i, name, instance, version);
    out.bytes(data);
    footer(FIRST_EARLY_ID + i);
  });
  begin(1, RAM_ID, "ram", 0, options.ramVersion ?? 4);
  const pageSize = 2 ** (options.pageBits ?? 12);
  out.u64(blocks.reduce((sum, { length }) => sum + BigInt(length), 4n));
  for (const block of blocks) {
    named(out, block.name).u64(block.length);
    if (block.hugePageSize !== undefined) out.u64(block.hugePageSize);
    if (block.address !== undefined) out.u64(block.address);
    if (capabilities.includes("mapped-ram")) writeFixed(out, block, pageSize, options.stored?.get(block.name));
  }
  out.u64(0x10);
  footer(RAM_ID);
  if (beside !== undefined) {
    begin(1, BESIDE_ID, "spapr/htab", 0, 1);
    out.bytes(beside);
    footer(BESIDE_ID);
  }
  const records = new RecordWriter(out, blocks[0]?.name ?? "", pageSize);
  parts.forEach((part, i) => {
    if (beside !== undefined) {
      out.u8(2).u32(BESIDE_ID).bytes(beside);
      footer(BESIDE_ID);
    }
    out.u8(i === parts.length - 1 ? 3 : 2).u32(RAM_ID);
    for (const record of part) records.write(record);
    out.u64(0x10);
    footer(RAM_ID);
  });
  // A command without data, as newer machine types have it.
  out.u8(8).u16(11).u16(0);
  devices.forEach(({ name, instance = 0, version = 1, data }, i) => {
    begin(4, FIRST_DEVICE_ID + i, name, instance, version);
    out.bytes(data);
    footer(FIRST_DEVICE_ID + i);
  });
  out.u8(0);
  const { description = footers ? { page_size: pageSize, devices: [] } : null } = options;
  if (description !== null) {
    const text = JSON.stringify(description);
    out.u8(6).u32(text.length).text(text, text.length);
  }
  return out.toBytes();
}

function named(out: ByteBuffer, name: string): ByteBuffer {
  return out.u8(name.length).text(name, name.length);
}

function writeConfiguration(
  out: ByteBuffer,
  { machine = "pc-q35-7.2", capabilities = [], pageBits }: StreamOptions,
): void {
  out.u8(7).u32(machine.length).text(machine, machine.length);
  const part = (name: string) => named(out.u8(5), name).u32(1);
  if (pageBits !== undefined) part("configuration/target-page-bits").u32(pageBits);
  if (capabilities.length > 0) {
    part("configuration/capabilities").u32(capabilities.length);
    for (const name of capabilities) named(out, name);
  }
}

/** What mapped-ram has behind a block's length, its bitmap, and its pages. */
function writeFixed(
  out: ByteBuffer,
  { length }: StreamBlock,
  pageSize: number,
  stored: ReadonlyMap<number, Uint8Array> = new Map(),
): void {
  const pages = Number(length) / pageSize;
  const bitmap = out.position + 28;
  const bits = new Uint8Array(Math.ceil(pages / 64) * 8);
  for (const page of stored.keys()) bits[page >> 3] = (bits[page >> 3] as number) | (1 << (page & 7));
  const place = Math.ceil((bitmap + bits.length) / ALIGNMENT) * ALIGNMENT;
  out.u32(1).u64(pageSize).u64(bitmap).u64(place).bytes(bits);
  for (const [page, data] of stored) out.seek(place + page * pageSize).bytes(data);
  out.seek(place + Number(length));
}

class RecordWriter {
  readonly #out: ByteBuffer;
  readonly #first: string;
  readonly #pageSize: number;
  #block: string | undefined;

  constructor(out: ByteBuffer, first: string, pageSize: number) {
    this.#out = out;
    this.#first = first;
    this.#pageSize = pageSize;
  }

  write(record: StreamRecord): void {
    if ("flush" in record) this.#out.u64(0x200);
    else if ("word" in record) this.#out.u64(record.word).bytes(record.behind ?? new Uint8Array(0));
    else if ("fill" in record) this.#begin(record, 0x02).u8(record.fill);
    else if ("changes" in record) {
      const runs = record.changes.flatMap(([stay, come]) => [...leb128(stay), ...leb128(come.length), ...come]);
      this.#begin(record, 0x40).u8(1).u16(runs.length).bytes(Uint8Array.from(runs));
    } else if (record.as === "zlib") {
      const packed = deflateSync(record.data);
      this.#begin(record, 0x100).u32(packed.length).bytes(packed);
    } else this.#begin(record, 0x08).bytes(record.data);
  }

  #begin({ page, block = this.#first }: { readonly page: number; readonly block?: string }, flag: number): ByteBuffer {
    const same = block === this.#block;
    this.#block = block;
    this.#out.u64(page * this.#pageSize + flag + (same ? 0x20 : 0));
    return same ? this.#out : named(this.#out, block);
  }
}

function leb128(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128(value >> 7)];
}
