import { type KernelObjects, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";

const MAX_RECORDS = 1 << 16;
/** Zones of a kind in memory that keeps its content (ramoops). */
const MAX_ZONES = 1 << 12;
const RECORDS = "what earlier kernels left (pstore)";

type Erase = (address: bigint | undefined, length: number) => void;

/**
 * What earlier kernels left before they ended, their log among it: files of pstore, and copies that ramoops made when it
 * was loaded. The name of what may be there, but was not found.
 */
export function earlierRecords(kernel: KernelObjects, erase: Erase): string | undefined {
  const [files, zones] = [ofFiles(kernel, erase), ofZones(kernel, erase)];
  return files ?? zones;
}

function ofFiles(base: KernelObjects, erase: Erase): string | undefined {
  // Since 5.8, and before.
  const found = ["records_list", "allpstore"].map((variable) =>
    withModule(base, { module: "pstore", type: "pstore_private", variable }),
  );
  const own = found.find((one) => one !== undefined && one !== "none") ?? found[0];
  // Types of the kernel itself are of what is built in.
  if (own === "none") return base.types.sizeOf("pstore_private") === undefined ? undefined : RECORDS;
  if (own === undefined) return RECORDS;
  const { kernel, at: list } = own;
  const hasRecord = kernel.types.member("pstore_private", "record") !== undefined;
  const text = kernel.types.member("pstore_private", "data");
  if (!hasRecord && text === undefined) return RECORDS;
  for (const file of walkList(kernel, list, "pstore_private", "list", MAX_RECORDS)) {
    if (!hasRecord && text !== undefined) {
      // Until 4.11 the text is behind the file's own data.
      erase(file + BigInt(text.offset), Number(readMember(kernel, "pstore_private", file, "size") ?? 0n));
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
  for (const [zones, count] of [
    ["dprzs", "max_dump_cnt"],
    ["fprzs", "max_ftrace_cnt"],
  ] as const) {
    const first = readMember(kernel, "ramoops_context", at, zones);
    const most = Number(readMember(kernel, "ramoops_context", at, count) ?? 0n);
    if (most > MAX_ZONES) kernel.incomplete?.();
    for (let i = 0; first && i < Math.min(most, MAX_ZONES); i++)
      zone(memory.readWord(first + BigInt(i * memory.wordSize)));
  }
  for (const one of ["cprz", "mprz"]) zone(readMember(kernel, "ramoops_context", at, one));
  return undefined;
}
