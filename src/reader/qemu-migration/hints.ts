import type { DeviceState } from "./devices.js";
import type { MachineHints } from "./machines.js";

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
export function hintsOf(devices: readonly DeviceState[]): MachineHints {
  const cpu = devices.find(({ name }) => name === CPU);
  return { arch: OWN_FIELDS.find(([field]) => cpu?.has(field))?.[1], split: memoryBelow4G(devices) };
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
