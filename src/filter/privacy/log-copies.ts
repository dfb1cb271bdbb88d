import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { earlierRecords } from "./earlier-records.js";
import type { ScrubList } from "./scrubbed.js";

const MAX_CONSOLES = 1 << 10;
/** A record of pstore: as large as a block of a device, at most. */
const MAX_RECORD = 1 << 24;
/** Until 5.14: what interrupts printed while the log was locked. */
const OF_CPUS = ["safe_print_seq", "nmi_print_seq"];

/** Messages outside of the log. */
export interface LogBuffers extends ScrubList {
  /** What was not found, though the kernel has it. */
  readonly missing: readonly string[];
}

/**
 * Copies of the log's messages that are not for one reader or console driver: a buffer of each console that has a thread of its
 * own or prints at once (nbcon, 6.7 and later); a message whose end had not come (until 5.9); what interrupts printed while the
 * log was locked; what pstore writes at a panic; what netconsole sends.
 */
export function logCopies(space: AddressSpace, kernel: KernelObjects): LogBuffers {
  const found = { list: new SpanList(), objects: 0, missing: [] as string[] };
  const { symbols, types, memory } = kernel;
  const erase = (address: bigint | undefined, length: number) => {
    if (!address || !memory.isKernelAddress(address) || length <= 0) return;
    if (length > MAX_RECORD) return kernel.incomplete?.();
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
  };
  const begun = symbols.address("cont");
  const text = types.member("cont", "buf");
  if (begun !== undefined && text !== undefined) erase(begun + BigInt(text.offset), text.size);
  const parts = [ofConsoles, ofCpus, ofPstore, ofNetconsole, earlierRecords];
  for (const part of parts) {
    const missing = part(kernel, erase);
    if (missing !== undefined) found.missing.push(missing);
  }
  return found;
}

type Erase = (address: bigint | undefined, length: number) => void;

function ofConsoles(kernel: KernelObjects, erase: Erase): string | undefined {
  const { memory, symbols, types } = kernel;
  const node = types.member("console", "node");
  const length = types.sizeOf("printk_buffers");
  if (types.member("console", "pbufs") === undefined) return undefined;
  const list = symbols.address("console_list");
  if (list === undefined || node === undefined || length === undefined) return "the buffers of single consoles";
  let at = memory.readWord(list) ?? 0n;
  for (let i = 0; i < MAX_CONSOLES && at !== 0n && memory.isKernelAddress(at); i++) {
    erase(readMember(kernel, "console", at - BigInt(node.offset), "pbufs"), length);
    at = memory.readWord(at) ?? 0n;
  }
  return undefined;
}

function ofCpus(kernel: KernelObjects, erase: Erase): string | undefined {
  const { symbols, types } = kernel;
  const buffer = types.member("printk_safe_seq_buf", "buffer");
  if (buffer === undefined) return undefined;
  const cpus = possibleCpus(kernel);
  const places = OF_CPUS.map((name) => symbols.address(name)).filter((place) => place !== undefined);
  if (cpus === undefined || places.length === 0) return "what interrupts printed while the log was locked";
  for (const place of places) {
    for (const cpu of cpus) {
      const at = perCpuAddress(kernel, place, cpu);
      if (at !== undefined) erase(at + BigInt(buffer.offset), buffer.size);
    }
  }
  return undefined;
}

/** The record that is being written, and the texts of the log of which it is made. */
function ofPstore(kernel: KernelObjects, erase: Erase): string | undefined {
  const { memory, symbols, types } = kernel;
  if (types.member("pstore_info", "bufsize") === undefined) return undefined;
  const own = symbols.address("psinfo");
  if (own === undefined) return "what pstore wrote last";
  const info = memory.readWord(own);
  if (!info || !memory.isKernelAddress(info)) return undefined;
  const length = Number(readMember(kernel, "pstore_info", info, "bufsize") ?? 0n);
  erase(readMember(kernel, "pstore_info", info, "buf"), length);
  // "max_compressed_size" since 6.6.
  const [texts, size] = [
    symbols.address("big_oops_buf"),
    symbols.address("max_compressed_size") ?? symbols.address("big_oops_buf_sz"),
  ];
  if (texts !== undefined && size !== undefined) erase(memory.readWord(texts), Number(memory.readWord(size) ?? 0n));
  return undefined;
}

function ofNetconsole(base: KernelObjects, erase: Erase): string | undefined {
  const driver = withModule(base, { module: "netconsole", type: "netconsole_target", variable: "target_list" });
  if (driver === "none") return undefined;
  // Until 6.12 it is a variable of a function of the module.
  const buffer = driver?.kernel.types.member("netconsole_target", "buf");
  if (driver === undefined || buffer === undefined) return "what netconsole sent last";
  const { kernel, at } = driver;
  for (const target of walkList(kernel, at, "netconsole_target", "list", MAX_CONSOLES))
    erase(memberAddress(kernel, "netconsole_target", target, "buf"), buffer.size);
  return undefined;
}
