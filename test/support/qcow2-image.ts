/** qcow2 disk images with saved machines in them, after QEMU's docs/interop/qcow2. */
import { ByteBuffer, type Integer } from "./bytes.js";

export interface SavedSnapshot {
  readonly name: string;
  readonly id?: string;
  readonly seconds?: number;
  /** The saved machine; empty: a snapshot of the disk only. */
  readonly state: Uint8Array;
  /** Clusters of the state, by their numbers, that lie nowhere: they must be zeros. */
  readonly holes?: readonly number[];
  /** Added to each entry of its L2 tables. */
  readonly entryBits?: bigint;
  /** Takes the place of the size that its entry states. */
  readonly stateSize?: Integer;
}

export interface Qcow2Options {
  readonly version?: number;
  readonly clusterBits?: number;
  readonly diskSize?: number;
  readonly snapshots: readonly SavedSnapshot[];
  readonly encryption?: number;
  readonly incompatible?: number;
  /** 16-byte entries. */
  readonly extended?: boolean;
  /** Puts the clusters of a state in descending order. */
  readonly backwards?: boolean;
}

/** The image that these options describe. */
export function buildQcow2(options: Qcow2Options): Uint8Array {
  const { clusterBits = 12, diskSize = 1 << 20, snapshots, extended = false, backwards = false } = options;
  const cluster = 2 ** clusterBits;
  const perTable = cluster / (extended ? 16 : 8);
  const out = new ByteBuffer("big", 1 << 16);
  let next = cluster;
  const allocate = (bytes: number) => {
    const at = next;
    next += Math.ceil(bytes / cluster) * cluster;
    return at;
  };
  const tables = snapshots.map(({ state, holes = [], entryBits = 0n }) => {
    const first = Math.ceil(diskSize / (cluster * perTable));
    const clusters = Math.ceil(state.length / cluster);
    const l2Count = Math.ceil(clusters / perTable);
    const l1Table = allocate(8 * (first + l2Count));
    const l2Tables = Array.from({ length: l2Count }, () => allocate(cluster));
    l2Tables.forEach((at, i) => {
      out.seek(l1Table + 8 * (first + i)).u64(BigInt(at) | (1n << 63n));
    });
    const order = Array.from({ length: clusters }, (_, i) => i).filter((i) => !holes.includes(i));
    for (const i of backwards ? order.reverse() : order) {
      const at = allocate(cluster);
      out.seek(at).bytes(state.subarray(i * cluster, (i + 1) * cluster));
      const table = l2Tables[Math.floor(i / perTable)] as number;
      out.seek(table + (i % perTable) * (extended ? 16 : 8)).u64(BigInt(at) | (1n << 63n) | entryBits);
      if (extended) out.u64(0xffff_ffffn);
    }
    return { l1Table, l1Entries: first + l2Count };
  });
  const snapshotTable = allocate(cluster * 2);
  out.seek(snapshotTable);
  snapshots.forEach(
    (
      {
        name,
        id = `${1 + snapshots.findIndex((one) => one.name === name)}`,
        seconds = 0,
        state,
        stateSize = state.length,
      },
      i,
    ) => {
      const { l1Table, l1Entries } = tables[i] as (typeof tables)[number];
      out.u64(l1Table).u32(l1Entries).u16(id.length).u16(name.length).u32(seconds).u32(0).u64(0);
      out.u32(0).u32(16).u64(stateSize).u64(diskSize).text(id, id.length).text(name, name.length).align(8);
    },
  );
  out
    .seek(0)
    .text("QFI\xfb", 4)
    .u32(options.version ?? 3)
    .u64(0)
    .u32(0)
    .u32(clusterBits)
    .u64(diskSize);
  out
    .u32(options.encryption ?? 0)
    .u32(0)
    .u64(0)
    .u64(0)
    .u32(0)
    .u32(snapshots.length)
    .u64(snapshotTable);
  out
    .u64((options.incompatible ?? 0) | (extended ? 16 : 0))
    .u64(0)
    .u64(0)
    .u32(4)
    .u32(104);
  out.seek(next - 1).u8(0);
  return out.toBytes();
}
