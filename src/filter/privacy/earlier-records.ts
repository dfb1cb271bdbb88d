import {
  type KernelObjects,
  memberAddress,
  readMember,
  readPossibleMember,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";

const MAX_RECORDS = 1 << 16;
/** Zones of a kind, in memory that keeps its content (ramoops) or on a device. */
const MAX_ZONES = 1 << 12;
/** Since 5.8, and before. */
const LISTS = ["records_list", "allpstore"];
const RECORDS = "what earlier kernels left (pstore)";

type Erase = (address: bigint | undefined, length: number) => void;

/**
 * What earlier kernels left before they ended, their log among it: files of pstore, and copies that ramoops or
 * pstore_zone made when it was loaded. The name of what may be there, but was not found.
 */
export function earlierRecords(kernel: KernelObjects, erase: Erase): string | undefined {
  const files = ofFiles(kernel, erase);
  const zones = ofZones(kernel, erase);
  return ofDevices(kernel, erase) ?? zones ?? files;
}

function ofFiles(base: KernelObjects, erase: Erase): string | undefined {
  const found = LISTS.map((variable) => withModule(base, { module: "pstore", type: "pstore_private", variable }));
  const driver = found.find((one) => one !== undefined && one !== "none");
  if (driver === undefined) {
    const isNone = base.types.sizeOf("pstore_private") === undefined && found.every((one) => one === "none");
    return isNone ? undefined : RECORDS;
  }
  const { kernel, at } = driver;
  const { types } = kernel;
  const isApart = types.member("pstore_private", "record") !== undefined;
  if (!isApart && types.member("pstore_private", "data") === undefined) return RECORDS;
  for (const file of walkList(kernel, at, "pstore_private", "list", MAX_RECORDS)) {
    if (!isApart) {
      // Before 4.12.
      const size = readMember(kernel, "pstore_private", file, "size") ?? 0n;
      erase(memberAddress(kernel, "pstore_private", file, "data"), Number(size));
      continue;
    }
    const record = readMember(kernel, "pstore_private", file, "record");
    if (!record) continue;
    const size = readMember(kernel, "pstore_record", record, "size") ?? 0n;
    const notice = readMember(kernel, "pstore_record", record, "ecc_notice_size") ?? 0n;
    erase(readMember(kernel, "pstore_record", record, "buf"), Number(size) + Number(notice));
  }
  return undefined;
}

function ofZones(base: KernelObjects, erase: Erase): string | undefined {
  const driver = withModule(base, { module: "ramoops", type: "ramoops_context", variable: "oops_cxt" });
  if (driver === "none") return undefined;
  if (driver === undefined) return RECORDS;
  const { kernel, at } = driver;
  const { memory } = kernel;
  const zone = (address: bigint | undefined) => {
    if (!address || !memory.isKernelAddress(address)) return;
    const length = Number(readMember(kernel, "persistent_ram_zone", address, "old_log_size") ?? 0n);
    erase(readMember(kernel, "persistent_ram_zone", address, "old_log"), length);
  };
  const has = (member: string) => kernel.types.member("ramoops_context", member) !== undefined;
  // Until 4.10 "przs", and a single zone for ftrace.
  for (const [zones, count] of [
    [has("przs") ? "przs" : "dprzs", "max_dump_cnt"],
    ...(has("fprz") ? [] : [["fprzs", "max_ftrace_cnt"] as const]),
  ] as const) {
    for (const one of zonesIn(kernel, "ramoops_context", at, zones, count)) zone(one);
  }
  for (const one of ["cprz", "mprz", "fprz"]) zone(readPossibleMember(kernel, "ramoops_context", at, one));
  return undefined;
}

/** What the kernel writes to pstore on a block device, and what it found there (5.8 and later). */
function ofDevices(base: KernelObjects, erase: Erase): string | undefined {
  const driver = withModule(base, { module: "pstore_zone", type: "psz_context", variable: "pstore_zone_cxt" });
  if (driver === "none") return undefined;
  const data = driver?.kernel.types.member("psz_buffer", "data");
  if (driver === undefined || data === undefined) return RECORDS;
  const { kernel, at } = driver;
  const zone = (address: bigint | undefined) => {
    if (!address) return;
    const size = Number(readMember(kernel, "pstore_zone", address, "buffer_size") ?? 0n);
    const [buffer, old] = ["buffer", "oldbuf"].map((name) => readMember(kernel, "pstore_zone", address, name));
    if (buffer) erase(buffer + BigInt(data.offset), size);
    // This one has no more room than it needs.
    if (old) {
      const length = Number(readMember(kernel, "psz_buffer", old, "datalen") ?? 0n);
      if (length > size) kernel.incomplete?.();
      else erase(old + BigInt(data.offset), length);
    }
  };
  for (const one of zonesIn(kernel, "psz_context", at, "kpszs", "kmsg_max_cnt")) zone(one);
  for (const one of zonesIn(kernel, "psz_context", at, "fpszs", "ftrace_max_cnt")) zone(one);
  for (const one of ["ppsz", "cpsz"]) zone(readMember(kernel, "psz_context", at, one));
  return undefined;
}

/** The pointers in an array to which a member points, and whose length another says. */
function zonesIn(kernel: KernelObjects, type: string, at: bigint, array: string, length: string): bigint[] {
  const { memory } = kernel;
  const first = readMember(kernel, type, at, array);
  const count = Number(readMember(kernel, type, at, length) ?? 0n);
  if (!first) return [];
  if (count > MAX_ZONES) kernel.incomplete?.();
  return Array.from(
    { length: Math.min(count, MAX_ZONES) },
    (_, i) => memory.readWord(first + BigInt(i * memory.wordSize)) ?? 0n,
  );
}
