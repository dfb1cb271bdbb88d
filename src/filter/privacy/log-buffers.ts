import type { AddressSpace } from "../../kernel/address-space.js";
import { roomOf } from "../../kernel/debuginfo/symbol-room.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { addAllocated } from "./allocations.js";
import { type LogBuffers, logCopies } from "./log-copies.js";
import { dataOfOpenFiles, type OpenFiles } from "./open-files.js";

/**
 * Static variables of functions, and the sizes that they may have: what is being printed (console_unlock,
 * console_emit_next_record; until 6.2), or added to the log (vprintk_emit, vprintk_store, until 5.10). GCC adds a number
 * to their names, which before GCC 10 may have many digits; Clang puts the function's name before them.
 */
const OF_FUNCTIONS = [
  [ofFunction("text"), 1024, 1024],
  [ofFunction("ext_text"), 8192, 8192],
  [ofFunction("textbuf"), 896, 1024],
] as const;
/** The message of panic(), in a variable of it. */
const OF_PANIC = /^(?:buf\.\d+|v?panic\.buf)$/;
const PANIC_ROOM = 1024;
/** Other variables lie at the next cache line. */
const PANIC_END = PANIC_ROOM + 64;
/** Since 6.3. */
const SHARED = ["printk_shared_pbufs", "panic_nbcon_pbufs"];
/** CONFIG_LOG_BUF_SHIFT is at most 25. */
const MAX_FIRST_LOG = 1 << 25;
/** Members with what a program that has /dev/kmsg open read last: since 6.3; since 5.10; before that. */
const READ_LAST = ["pbufs", "buf", "text_buf"];
/** Two texts of 8 KiB. */
const MAX_READ_LAST = 1 << 14;

/** What `logBuffers` looks for, in the words of `remains`. */
export const LOG_BUFFERS: readonly string[] = [
  "messages on their way to consoles",
  "what programs read last from /dev/kmsg",
];

function ofFunction(name: string): RegExp {
  return new RegExp(
    `^(?:${name}\\.\\d+|(?:console_unlock|console_emit_next_record|vprintk_(?:emit|store))\\.${name})$`,
  );
}

/**
 * Messages of the log on their way to consoles, in variables of the kernel, where the last ones stay; the first log of
 * kernels before 5.10, if they moved to a larger one; and what programs that have /dev/kmsg open read last. (Before 6.3
 * with pages of 4 KiB those buffers are too large for slabs, and are dropped.)
 */
export function logBuffers(space: AddressSpace, kernel: KernelObjects, files: OpenFiles): LogBuffers {
  const { memory, symbols, types } = kernel;
  const found = { list: new SpanList(), objects: 0, missing: [] as string[] };
  const erase = (address: bigint, length: number) => {
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
  };
  const size = types.sizeOf("printk_buffers");
  const shared = SHARED.flatMap((name) => symbols.addresses(name));
  if (size !== undefined) for (const address of shared) erase(address, size);
  let variables = 0;
  const ofFunctions = shared.length > 0 ? [] : OF_FUNCTIONS;
  const [ofPanic = [], ...places] = symbols.matching([OF_PANIC, ...ofFunctions.map(([pattern]) => pattern)]);
  ofFunctions.forEach(([, least, most], i) => {
    for (const address of places[i] ?? []) {
      const room = roomOf(symbols, address, most + 1);
      if (room < least || room > most) continue;
      variables++;
      erase(address, room);
    }
  });
  for (const address of ofPanic) {
    const room = roomOf(symbols, address, PANIC_END + 1);
    if (room >= PANIC_ROOM && room <= PANIC_END) erase(address, PANIC_ROOM);
  }
  const copies = logCopies(space, kernel);
  found.list.addAll(copies.list.merged(0));
  found.objects += copies.objects;
  found.missing.push(...copies.missing);
  const [consoles, readers] = LOG_BUFFERS as [string, string];
  if (shared.length > 0 ? size === undefined : variables === 0) found.missing.push(consoles);
  // Since 5.10 VMCOREINFO has the first log's place.
  const [first, current] = ["__log_buf", "log_buf"].map((name) => symbols.address(name));
  if (first !== undefined && current !== undefined && memory.readWord(current) !== first) {
    const room = roomOf(symbols, first, MAX_FIRST_LOG);
    if (room > 1) erase(first, room);
    else found.missing.push("the first messages of the log, which moved to a larger one");
  }
  const members = READ_LAST.map((name) => types.member("devkmsg_user", name)).filter((one) => one !== undefined);
  const operations = new Set(symbols.addresses("kmsg_fops"));
  if (members.length === 0 || operations.size === 0) found.missing.push(readers);
  else {
    const size = types.sizeOf("devkmsg_user") ?? Math.max(...members.map((member) => member.offset + member.size));
    const readers = new Set(dataOfOpenFiles(kernel, files, (address) => operations.has(address)));
    const wanted = [...readers].flatMap((address) =>
      members.map((member) => ({ address, size, from: member.offset, length: Math.min(member.size, MAX_READ_LAST) })),
    );
    addAllocated(space, wanted, files.allocations, found);
  }
  return found;
}
