/** State files of microVMs: what Firecracker and cloud-hypervisor write beside the memory. */

/** A range of memory, as the states list it. */
export interface StateRange {
  readonly start: number;
  readonly length: number;
}

/** How the list of ranges is stored: with places (up to 1.10), without, or packed so that no reader of plain numbers finds it (1.14 and later). */
export type RangeList = "places" | "pairs" | "packed";

const MAGICS = { x86_64: 0x0710_1984_8664_0000n, arm64: 0x0710_1984_aaaa_0000n } as const;

/** A list of ranges in plain numbers. */
export function rangeList(ranges: readonly StateRange[], kind: RangeList): Buffer {
  let place = 0;
  const rows = ranges.map(({ start, length }) => {
    const row = Buffer.alloc(kind === "places" ? 24 : 16);
    row.writeBigUInt64LE(BigInt(start), 0);
    row.writeBigUInt64LE(BigInt(length), 8);
    if (kind === "places") row.writeBigUInt64LE(BigInt(place), 16);
    place += length;
    return row;
  });
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(ranges.length));
  return Buffer.concat([count, ...rows]);
}

/** A state file of Firecracker: magic, version, other state around the list, a checksum. */
export function buildFirecrackerState(
  ranges: readonly StateRange[],
  {
    kind = "places",
    arch = "x86_64",
    version = 1n,
  }: { kind?: RangeList; arch?: "x86_64" | "arm64"; version?: bigint } = {},
): Buffer {
  const magic = Buffer.alloc(8);
  magic.writeBigUInt64LE(MAGICS[arch] | version);
  const list = kind === "packed" ? Buffer.from("packed") : rangeList(ranges, kind);
  return Buffer.concat([
    magic,
    Buffer.from("\x05\0\0\0\0\0\0\0x1.7.0 state of the machine"),
    list,
    Buffer.alloc(61, 0x5a),
  ]);
}

/** How state.json has the memory manager's part. */
export type ManagerForm = "object" | "text" | "json bytes" | "plain bytes";

/** state.json of cloud-hypervisor. */
export function buildCloudHypervisorState(ranges: readonly StateRange[], form: ManagerForm = "text"): Buffer {
  const data = {
    memory_ranges: { data: ranges.map(({ start, length }) => ({ gpa: start, length })) },
    guest_ram_mappings: [],
    boot_ram: ranges.reduce((sum, { length }) => sum + length, 0),
  };
  const text = JSON.stringify(data);
  const snapshotData = () => {
    if (form === "object") return { state: data };
    if (form === "text") return { state: text };
    const bytes =
      form === "json bytes" ? Buffer.from(text) : Buffer.concat([Buffer.from([1, 0]), rangeList(ranges, "pairs")]);
    return { "memory-manager-section": { id: "memory-manager-section", snapshot: [...bytes] } };
  };
  const state = {
    snapshots: {
      "cpu-manager": { snapshots: { "0": { snapshot_data: { state: '{"Kvm":{}}' } } } },
      "memory-manager": { snapshots: {}, snapshot_data: snapshotData() },
    },
    snapshot_data: { state: "{}" },
  };
  return Buffer.from(JSON.stringify(state));
}

/** state.json of the versions that wrote a file for each range. */
export function buildOldCloudHypervisorState(ranges: readonly StateRange[]): Buffer {
  const memory_regions = ranges.map(({ start, length }, i) => ({
    content: `memory-region-${i}`,
    start_addr: start,
    size: length,
  }));
  const section = { snapshot: [...Buffer.from(JSON.stringify({ memory_regions }))] };
  return Buffer.from(JSON.stringify({ id: "vm", snapshots: { "memory-manager": { snapshot_data: { section } } } }));
}
