import { DumpError } from "../../errors.js";
import { type Piece, toExtents } from "../extents.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import type { FileWindow } from "../source/window-source.js";
import { damagedDisk, type Qcow2Header, type Qcow2Snapshot } from "./header.js";

/** Bits of a table's entry that are a file offset. */
const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;
const COMPRESSED = 1n << 62n;
/** The cluster reads as zeros, wherever it is. Extended entries do not have this bit. */
const ZEROS = 1n;
/** Parts of a cluster in extended entries. */
const PARTS = 32;

/**
 * Where the bytes of a saved machine are: in the address space of the disk, behind the disk's bytes, from the first
 * byte that a new L2 table would have. `held`: bytes that the file really has. Throws `TRUNCATED`, `CORRUPT`, `LIMIT`,
 * `UNSUPPORTED`.
 */
export function stateWindow(
  source: ByteSource,
  header: Qcow2Header,
  snapshot: Qcow2Snapshot,
  held: number,
): FileWindow {
  const { clusterBits, extendedL2 } = header;
  const cluster = 2 ** clusterBits;
  const entrySize = extendedL2 ? 16 : 8;
  const perTable = cluster / entrySize;
  const first = Math.ceil(snapshot.diskSize / (cluster * perTable));
  const tables = Math.ceil(snapshot.stateSize / (cluster * perTable));
  if (first + tables > snapshot.l1Entries) {
    throw damagedDisk(
      source,
      snapshot.l1Table,
      `a saved machine of ${snapshot.stateSize} bytes behind the end of its tables`,
    );
  }
  const l1 = tableOf(readExactly(source, snapshot.l1Table + 8 * first, 8 * tables, "table of a snapshot"));
  const pieces = new PieceList(source, snapshot.stateSize, cluster, held);
  for (let i = 0; i < tables; i++) {
    const place = Number((l1[i] as bigint) & OFFSET_MASK);
    if (place === 0) continue;
    pieces.table();
    const entries = tableOf(readExactly(source, place, cluster, "table of a snapshot"));
    for (let k = 0; k < perTable; k++) {
      const position = (i * perTable + k) * cluster;
      if (position >= snapshot.stateSize) break;
      const entry = entries[extendedL2 ? 2 * k : k] as bigint;
      if (entry & COMPRESSED) throw compressed(source, place + k * entrySize);
      const data = Number(entry & OFFSET_MASK);
      if (extendedL2) pieces.parts(position, data, entries[2 * k + 1] as bigint);
      else if (data !== 0 && (entry & ZEROS) === 0n) pieces.add(position, data, cluster);
    }
  }
  return { size: snapshot.stateSize, pieces: toExtents(pieces.list) };
}

/** Tables and pieces of a saved machine that any file may have. */
const PIECES_FREELY = 2 ** 16;
/** Beyond that, one for so many bytes that the file stores: the smallest clusters, and parts of clusters. */
const BYTES_PER_PIECE = 512;

/**
 * Collects the pieces of a saved machine. It uses no cluster of the file twice, so damaged tables cause no more work
 * than the file is long; nor more than it stores, where most of it is a hole.
 */
class PieceList {
  readonly list: Piece[] = [];
  #clusters = 0;
  #tables = 0;

  constructor(
    private readonly source: ByteSource,
    private readonly size: number,
    private readonly cluster: number,
    private readonly held: number,
  ) {}

  /** Counts a table. */
  table(): void {
    this.#tables++;
    this.count();
    this.#checkHeld();
  }

  #checkHeld(): void {
    if (this.list.length + this.#tables <= PIECES_FREELY + this.held / BYTES_PER_PIECE) return;
    const what = `its saved machine is in more pieces than a file that stores ${this.held} bytes can have`;
    const cure = "Look at it with `qemu-img check`, or copy it again from where it was made";
    throw new DumpError("LIMIT", what, { file: this.source.name, cure });
  }

  /** Counts one more cluster of the file in use. */
  count(): void {
    if (++this.#clusters <= this.source.size / this.cluster + 1) return;
    throw damagedDisk(this.source, 0, "a saved machine that takes some of its clusters more than once");
  }

  add(start: number, source: number, length: number): void {
    this.count();
    this.#join(start, source, length);
  }

  /** Adds the parts of a cluster whose bits are set. */
  parts(position: number, data: number, bits: bigint): void {
    const there = Number(bits & 0xffff_ffffn);
    if (there === 0 || data === 0) return;
    this.count();
    const part = this.cluster / PARTS;
    for (let i = 0; i < PARTS; i++) {
      if ((there >>> i) & 1) this.#join(position + i * part, data + i * part, part);
    }
  }

  #join(start: number, source: number, length: number): void {
    const end = Math.min(start + length, this.size);
    if (end <= start) return;
    const last = this.list.at(-1);
    if (last !== undefined && last.end === start && last.source + (start - last.start) === source) {
      this.list[this.list.length - 1] = { ...last, end };
    } else {
      this.list.push({ start, end, source });
      this.#checkHeld();
    }
  }
}

function tableOf(bytes: Uint8Array): BigUint64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return BigUint64Array.from({ length: bytes.length / 8 }, (_, i) => view.getBigUint64(8 * i));
}

function compressed(source: ByteSource, offset: number): DumpError {
  return new DumpError("UNSUPPORTED", "is a qcow2 disk image whose saved machine is in compressed clusters", {
    file: source.name,
    offset,
    cure: "Start the machine from its snapshot (`loadvm`), and dump it with dump-guest-memory",
  });
}
