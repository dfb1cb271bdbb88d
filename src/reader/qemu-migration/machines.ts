import type { Piece } from "../extents.js";
import { type Machine, machineNamed } from "../machine.js";
import type { DeviceState } from "./devices.js";
import { type PluggedMemory, pluggedPieces } from "./plugged.js";
import type { RamBlock } from "./ram.js";

/** A kind of QEMU's machines: where its memory is. */
interface MachineRow {
  /** Names of machines: "pc-q35-7.2". */
  readonly names: RegExp;
  /** Name of its block of memory, unless the user gave another one (`memory-backend`). */
  readonly block: string;
  /** Its architecture, by a name that `machineNamed` knows. */
  readonly arch: string;
  /** The parts of a memory of this many bytes: address and length of each, one after the other. */
  parts(length: number): readonly (readonly [start: number, length: number])[];
}

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/**
 * Memory from 0 on. If it is not smaller than `limit`, `most` bytes of it are below 4 GiB, and the rest is from 4 GiB
 * on.
 */
const below4G = (limit: number, most: number) => (length: number) =>
  length < limit ? below(length, length) : below(length, most);

/** `low` bytes from 0 on, the others from 4 GiB on. */
function below(length: number, low: number): readonly (readonly [number, number])[] {
  return length <= low
    ? [[0, length]]
    : [
        [0, low],
        [4 * GIB, length - low],
      ];
}

const from = (start: number) => (length: number) => [[start, length]] as const;

/**
 * Seen with `info mtree` of QEMU 7.2 and 11.1, at the limits and above them. The property max-ram-below-4g moves the
 * limit of PCs; their CMOS has it (`memoryBelow4G`).
 */
const ROWS: readonly MachineRow[] = [
  // Machine types before 2.0 have no round number of bytes below 4 GiB.
  { names: /^(pc-i440fx-1\.|pc-[01]\.)/, block: "pc.ram", arch: "x86_64", parts: below4G(3.5 * GIB, 3.5 * GIB) },
  { names: /^(pc-q35|q35)/, block: "pc.ram", arch: "x86_64", parts: below4G(2.75 * GIB, 2 * GIB) },
  { names: /^(pc|xenfv)/, block: "pc.ram", arch: "x86_64", parts: below4G(3.5 * GIB, 3 * GIB) },
  { names: /^microvm/, block: "microvm.ram", arch: "x86_64", parts: below4G(3 * GIB, 3 * GIB) },
  { names: /^s390/, block: "s390.ram", arch: "s390x", parts: from(0) },
  { names: /^pseries/, block: "ppc_spapr.ram", arch: "ppc64", parts: from(0) },
  { names: /^powernv/, block: "pnv.ram", arch: "ppc64", parts: from(0) },
  { names: /^sbsa-ref/, block: "sbsa-ref.ram", arch: "arm64", parts: from(1024 * GIB) },
  // Three architectures call their machine "virt": the name of the block decides, then the registers.
  { names: /^virt/, block: "riscv_virt_board.ram", arch: "riscv64", parts: from(2 * GIB) },
  {
    names: /^virt/,
    block: "loongarch.ram",
    arch: "loongarch64",
    parts: (length) =>
      length <= 256 * MIB
        ? [[0, length]]
        : [
            [0, 256 * MIB],
            [2 * GIB, length - 256 * MIB],
          ],
  },
  { names: /^virt/, block: "mach-virt.ram", arch: "arm64", parts: from(GIB) },
];

/** Blocks that are not memory of the machine: firmware, graphics, and blocks of a device (its path has slashes). */
const OTHER_BLOCK =
  /[/:]|\.(bios|rom|mrom|vram|vgafb|flash\d*|io)$|^(pc\.bios|vga|isa-bios|virt\.flash|system\.flash|acpi|qxl|fw_cfg|smram|tseg)/;
/** Memory that was plugged in, at addresses that the stream does not have: names that libvirt gives, and usual ones. */
const PLUGGED = /^(mem)?(dimm|nvdimm|virtiomem|cxl)|^vmem\d*$/;
/**
 * virtio-mem and virtio-pmem put the path of their device before the name that the user chose ("0000:00:03.0/vmem0",
 * QEMU 7.2 and 11.1): a device's block is plugged memory if it is as large as the least that QEMU plugs in (128 MiB on
 * x86) and not the memory of a display, or what is shared with other machines (ivshmem).
 */
const IN_DEVICE = /^(?!\/).*\/([^/]+)$/;
const NO_RAM_OF_DEVICE = /vram|vgamem|\.rom$|fb$|shmem/i;
const LEAST_PLUGGED = 64 * MIB;

function isPluggedInDevice({ name, length }: RamBlock): boolean {
  const own = IN_DEVICE.exec(name)?.[1];
  return own !== undefined && (PLUGGED.test(own) || (length >= LEAST_PLUGGED && !NO_RAM_OF_DEVICE.test(own)));
}

/** Where the memory of a machine is. */
export interface PlacedMemory {
  /** Physical bytes, `source` in the index: disjoint. */
  readonly pieces: readonly Piece[];
  readonly machine: Machine | undefined;
  /** Blocks that may be memory but whose address is not known. */
  readonly unplaced: readonly RamBlock[];
}

/** Other facts about a machine. */
interface MachineHints {
  /** From the registers, a name that `machineNamed` knows. */
  readonly arch: string | undefined;
  /** Bytes of a PC's memory below 4 GiB, and above. */
  readonly split: { readonly below: number; readonly above: number } | undefined;
  /** Of virtio-mem devices, and of DIMMs if something says where they lie. */
  readonly plugged: readonly PluggedMemory[];
}

/**
 * Places the blocks of a machine's memory. Several blocks, one for each NUMA node, follow each other, ordered by the
 * numbers in their names. `undefined` if the machine is not known, or if none of its blocks can be memory.
 */
export function placeMemory(
  machine: string,
  blocks: readonly RamBlock[],
  pageSize: number,
  hints: MachineHints,
): PlacedMemory | undefined {
  const own = ROWS.find(
    ({ block, names }) => (machine === "" || names.test(machine)) && blocks.some(({ name }) => name === block),
  );
  const row =
    own ?? ROWS.find(({ names, arch }) => names.test(machine) && (hints.arch === undefined || arch === hints.arch));
  if (row === undefined) return undefined;
  const { split, plugged } = hints;
  // Old machine types name a block of the user's by its path.
  const shortName = ({ name }: RamBlock) => name.replace(/^\/objects\//, "");
  const further = blocks.flatMap((block) => {
    const pieces = pluggedPieces(block, plugged, pageSize);
    return pieces === undefined ? [] : [{ block, pieces }];
  });
  const isPlaced = (block: RamBlock) => further.some((one) => one.block === block);
  const likely = blocks.filter((block) => !OTHER_BLOCK.test(shortName(block)) && !isPlaced(block));
  const main = likely.filter((block) => block.name === row.block);
  const taken = main.length > 0 ? main : likely.filter((block) => !PLUGGED.test(shortName(block)));
  if (taken.length === 0) return undefined;
  const ordered = [...taken].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  const total = ordered.reduce((sum, { length }) => sum + length, 0);
  const parts =
    split !== undefined && split.below + split.above === total ? below(total, split.below) : row.parts(total);
  return {
    pieces: [...layInto(parts, ordered, pageSize), ...further.flatMap(({ pieces }) => pieces)],
    machine: machineNamed(row.arch),
    unplaced: blocks.filter(
      (block) => !taken.includes(block) && !isPlaced(block) && (isPluggedInDevice(block) || likely.includes(block)),
    ),
  };
}

/** Lays blocks, one after the other, into parts of the address space that have the same total length. */
function layInto(
  parts: readonly (readonly [number, number])[],
  blocks: readonly RamBlock[],
  pageSize: number,
): Piece[] {
  const pieces: Piece[] = [];
  let part = 0;
  let used = 0;
  for (const { firstPage, length } of blocks) {
    for (let done = 0; done < length; ) {
      const [start, size] = parts[part] as readonly [number, number];
      const n = Math.min(length - done, size - used);
      pieces.push({ start: start + used, end: start + used + n, source: firstPage * pageSize + done });
      done += n;
      used += n;
      if (used === size) {
        part++;
        used = 0;
      }
    }
  }
  return pieces;
}

/** The devices whose state is used. */
export const CPU = "cpu";
export const PC_CLOCK = "mc146818rtc";

/** Fields that only CPUs of one architecture have. */
const OWN_FIELDS: readonly (readonly [field: string, arch: string])[] = [
  ["env.sysenter_eip", "x86_64"],
  ["env.xregs", "arm64"],
  ["env.psw.addr", "s390x"],
  ["env.spr", "ppc64"],
  ["env.mhartid", "riscv64"],
  ["env.CSR_PGDH", "loongarch64"],
  ["env.sys_states[0].CSR_PGDH", "loongarch64"],
];

/** What the state of devices shows about a machine. */
export function hintsOf(devices: readonly DeviceState[], plugged: readonly PluggedMemory[]): MachineHints {
  const cpu = devices.find(({ name }) => name === CPU);
  return { arch: OWN_FIELDS.find(([field]) => cpu?.has(field))?.[1], split: memoryBelow4G(devices), plugged };
}

/**
 * Offsets in the clock's memory, where a PC's firmware finds the size of memory (QEMU writes it at reset): units of 64
 * KiB from 16 MiB to the hole, and from 4 GiB on.
 */
const FROM_16M = 0x34;
const FROM_4G = 0x5b;
const UNIT = 2 ** 16;

/** How a PC's memory is split below and above 4 GiB, whatever max-ram-below-4g was. */
function memoryBelow4G(devices: readonly DeviceState[]): MachineHints["split"] {
  const cmos = devices.find(({ name }) => name === PC_CLOCK)?.bytes("cmos_data");
  if (cmos === undefined || cmos.length < 128) return undefined;
  const bytes = (at: number, count: number) => Buffer.from(cmos).readUIntLE(at, count) * UNIT;
  return { below: bytes(FROM_16M, 2) + 2 ** 24, above: bytes(FROM_4G, 3) };
}
