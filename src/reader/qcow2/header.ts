import { DumpError } from "../../errors.js";
import { fields } from "../fields.js";
import { type ByteSource, readExactly, readWhatIsThere } from "../source/byte-source.js";

/** The fields of a qcow2 header that snapshots need (QEMU's docs/interop/qcow2). All are big endian. */
export interface Qcow2Header {
  readonly clusterBits: number;
  /** Bytes of the disk. */
  readonly size: number;
  readonly snapshots: number;
  readonly snapshotTable: number;
  /** Whether entries of L2 tables have 16 bytes, with 32 parts of a cluster each. */
  readonly extendedL2: boolean;
}

const HEADER_SIZE = 72;
/** Follows the header in version 3. */
const FEATURES = 72;
const INCOMPATIBLE = { externalData: 4, extendedL2: 16 } as const;

/** Whether a file with this head is a qcow2 image. */
export function isQcow2(head: Uint8Array): boolean {
  return head[0] === 0x51 && head[1] === 0x46 && head[2] === 0x49 && head[3] === 0xfb;
}

/** Reads the header. Throws `TRUNCATED`, `CORRUPT`, `LIMIT`, `UNSUPPORTED`. */
export function readQcow2Header(source: ByteSource): Qcow2Header {
  const header = fields(readExactly(source, 0, HEADER_SIZE, "header of a disk image"), false, source.name);
  const version = header.u32(4);
  const clusterBits = header.u32(20);
  const features =
    version < 3 ? 0 : fields(readExactly(source, FEATURES, 8, "features of a disk image"), false, source.name).u32(4);
  if (version !== 2 && version !== 3) throw cannot(source, 4, `of version ${version}; 2 and 3 are known`);
  if (header.u32(32) !== 0) throw cannot(source, 32, "whose content is encrypted");
  if (features & INCOMPATIBLE.externalData) throw cannot(source, FEATURES, "whose data lie in another file");
  if (clusterBits < 9 || clusterBits > 21) throw damagedDisk(source, 20, `clusters of 2^${clusterBits} bytes`);
  return {
    clusterBits,
    size: header.u64Number(24, "the disk's size"),
    snapshots: header.u32(60),
    snapshotTable: header.u64Number(64, "the place of the snapshot table"),
    extendedL2: (features & INCOMPATIBLE.extendedL2) !== 0,
  };
}

/** A snapshot in a disk image. */
export interface Qcow2Snapshot {
  readonly id: string;
  readonly name: string;
  /** Seconds since 1970. */
  readonly time: number;
  readonly l1Table: number;
  readonly l1Entries: number;
  /** Bytes of the saved machine; 0 for a snapshot of only the disk. */
  readonly stateSize: number;
  /** Bytes of the disk when it was made. */
  readonly diskSize: number;
}

/** QEMU's own limit. */
const MOST_SNAPSHOTS = 65536;
const ENTRY_SIZE = 40;
/** An L1 table has 32 MiB at most (QEMU's own limit). */
const MOST_L1_ENTRIES = 2 ** 22;
/** QEMU's limit of the extra data of an entry. */
const MOST_EXTRA = 1024;

/** Reads the table of snapshots. Throws `TRUNCATED`, `CORRUPT`, `LIMIT`. */
export function readSnapshots(source: ByteSource, { snapshots, snapshotTable, size }: Qcow2Header): Qcow2Snapshot[] {
  if (snapshots > MOST_SNAPSHOTS) throw damagedDisk(source, 60, `${snapshots} snapshots`);
  const found: Qcow2Snapshot[] = [];
  for (let at = snapshotTable, i = 0; i < snapshots; i++) {
    const entry = fields(readExactly(source, at, ENTRY_SIZE, "table of snapshots"), false, source.name);
    const [idLength, nameLength, extraSize] = [entry.u16(12), entry.u16(14), entry.u32(36)];
    const l1Entries = entry.u32(8);
    if (extraSize > MOST_EXTRA || l1Entries > MOST_L1_ENTRIES) throw damagedDisk(source, at, "a damaged snapshot");
    const extra = fields(readWhatIsThere(source, at + ENTRY_SIZE, extraSize), false, source.name);
    const extraAt = (offset: number, otherwise: number, what: string) =>
      extra.bytes.length >= offset + 8 ? extra.u64Number(offset, what) : otherwise;
    const textAt = at + ENTRY_SIZE + extraSize;
    const texts = readExactly(source, textAt, idLength + nameLength, "name of a snapshot");
    found.push({
      id: Buffer.from(texts.subarray(0, idLength)).toString("utf8"),
      name: Buffer.from(texts.subarray(idLength)).toString("utf8"),
      time: entry.u32(16) + entry.u32(20) / 1e9,
      l1Table: entry.u64Number(0, "the place of a snapshot's table"),
      l1Entries,
      stateSize: extraAt(0, entry.u32(32), "the size of a saved machine"),
      diskSize: extraAt(8, size, "the size of a snapshot's disk"),
    });
    at = Math.ceil((textAt + idLength + nameLength) / 8) * 8;
  }
  return found;
}

/** The error of a disk image that contradicts its format. */
export function damagedDisk(source: ByteSource, offset: number, what: string): DumpError {
  return new DumpError("CORRUPT", `is a qcow2 disk image with ${what}`, {
    file: source.name,
    offset,
    cure: "Look at it with `qemu-img check`, or copy it again from where it was made",
  });
}

function cannot(source: ByteSource, offset: number, what: string): DumpError {
  return new DumpError("UNSUPPORTED", `is a qcow2 disk image ${what}`, {
    file: source.name,
    offset,
    cure: "Start the machine from its snapshot (`loadvm`), and dump it with dump-guest-memory",
  });
}
