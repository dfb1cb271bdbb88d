import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelSymbols } from "../../kernel/debuginfo/kernel-symbols.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { dataOfOpenFiles } from "./open-files.js";
import type { ScrubList } from "./private-objects.js";

/**
 * Static variables of functions, to whose names the compiler adds a number, and the sizes that they may have: what is
 * being printed (console_unlock, console_emit_next_record; until 6.2), or added to the log (vprintk_store, until 5.10).
 */
const OF_FUNCTIONS = [
  ["text", 1024, 1024],
  ["ext_text", 8192, 8192],
  ["textbuf", 896, 1024],
] as const;
/** Larger numbers than any file with these functions has. */
const MOST_NUMBER = 64;
/** Since 6.3. */
const SHARED = ["printk_shared_pbufs", "panic_nbcon_pbufs"];

/**
 * Messages of the log on their way to consoles, in variables of the kernel, where the last ones stay; and what programs
 * that have /dev/kmsg open read last (since 6.3; before, those buffers are too large for slabs and are dropped).
 */
export function logBuffers(space: AddressSpace, kernel: KernelObjects, tasks: Iterable<bigint>): ScrubList {
  const { symbols, types } = kernel;
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const erase = (address: bigint, length: number) => {
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
  };
  for (const [name, least, most] of OF_FUNCTIONS) {
    for (let number = 0; number < MOST_NUMBER; number++) {
      for (const address of symbols.addresses(`${name}.${number}`)) {
        const size = roomOf(symbols, address, most + 1);
        if (size >= least && size <= most) erase(address, size);
      }
    }
  }
  const size = types.sizeOf("printk_buffers");
  for (const name of size === undefined ? [] : SHARED) {
    for (const address of symbols.addresses(name)) erase(address, size as number);
  }
  const read = types.member("devkmsg_user", "pbufs");
  const operations = new Set(symbols.addresses("kmsg_fops"));
  const readers = read === undefined ? [] : dataOfOpenFiles(kernel, tasks, (address) => operations.has(address));
  for (const reader of new Set(readers)) erase(reader + BigInt(read?.offset ?? 0), read?.size ?? 0);
  return found;
}

/** Bytes from a variable to the next symbol, at most `limit`. */
function roomOf(symbols: KernelSymbols, address: bigint, limit: number): number {
  const belongs = (offset: number) => symbols.nearest(address + BigInt(offset))?.offset === BigInt(offset);
  let [known, end] = [0, limit];
  while (end - known > 1) {
    const middle = (known + end) >> 1;
    if (belongs(middle)) known = middle;
    else end = middle;
  }
  return end;
}
