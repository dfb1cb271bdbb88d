import type { AddressSpace } from "../address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../debuginfo/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import type { ScrubList } from "./private-objects.js";

/** What was found in terminals. */
export interface TtyBuffers extends ScrubList {
  /** Lists that do not end, buffers that are not in the dump. */
  broken: number;
}

const MAX_DRIVERS = 1024;
const MAX_LINES = 1 << 16;
const MAX_TASKS = 1 << 20;
const MAX_FILES = 1 << 16;
const MAX_TTYS = 1 << 16;
const MAX_BUFFERS = 1 << 12;
/** tty_struct.write_cnt is 64 KiB at most (TTYB_DEFAULT_MEM_LIMIT for buffers). */
const MAX_BYTES = 1 << 17;

/**
 * Finds the text in terminals: what came in and was not yet read (tty_buffer, n_tty_data), and what is being written. Terminals
 * are those of the list tty_drivers, and those that are open: pseudo terminals are in no list. `undefined` if symbols or types
 * lack what leads there.
 */
export function ttyBuffers(space: AddressSpace, kernel: KernelObjects): TtyBuffers | undefined {
  const { types, symbols, memory } = kernel;
  const drivers = symbols.address("tty_drivers");
  const tasks = symbols.address("init_task");
  if (drivers === undefined || tasks === undefined) return undefined;
  for (const [type, path] of [
    ["tty_driver", "tty_drivers"],
    ["tty_struct", "port"],
    ["tty_port", "buf.head"],
    ["tty_buffer", "next"],
  ] as const) {
    if (types.member(type, path) === undefined) return undefined;
  }
  const found: TtyBuffers = { list: new SpanList(), objects: 0, broken: 0 };
  const word = BigInt(memory.wordSize);
  const ttys = new Set<bigint>();
  const ports = new Set<bigint>();
  const addTty = (tty: bigint | undefined) => {
    for (const one of [tty, tty && readMember(kernel, "tty_struct", tty, "link")]) {
      if (one === undefined || !memory.isKernelAddress(one) || ttys.size >= MAX_TTYS) continue;
      ttys.add(one);
      const port = readMember(kernel, "tty_struct", one, "port");
      if (port) ports.add(port);
    }
  };
  for (const driver of walkList(kernel, drivers, "tty_driver", "tty_drivers", MAX_DRIVERS)) {
    const lines = Math.min(Number(readMember(kernel, "tty_driver", driver, "num") ?? 0n), MAX_LINES);
    for (const [member, add] of [
      ["ttys", addTty],
      ["ports", (port: bigint) => void ports.add(port)],
    ] as const) {
      const array = readMember(kernel, "tty_driver", driver, member);
      if (!array) continue;
      for (let i = 0; i < lines; i++) {
        const one = memory.readWord(array + BigInt(i) * word);
        if (one === undefined) break;
        if (one !== 0n) add(one);
      }
    }
  }
  for (const tty of openTtys(kernel, tasks)) addTty(tty);

  const erase = (address: bigint, length: number): void => {
    if (length <= 0 || length > MAX_BYTES) return;
    let done = 0;
    for (; done < length; ) {
      const place = space.translate(address + BigInt(done));
      if (place === undefined) break;
      const n = Math.min(place.length, length - done);
      found.list.add(place.paddr, n);
      done += n;
    }
    if (done < length) found.broken++;
    if (done > 0) found.objects++;
  };
  /** The number of an item of `type`, or `otherwise`. */
  const number = (type: string, at: bigint, path: string) => Number(readMember(kernel, type, at, path) ?? 0n);
  const buffer = (at: bigint) => {
    const data = types.member("tty_buffer", "data")?.offset ?? types.sizeOf("tty_buffer");
    const size = number("tty_buffer", at, "size");
    // Behind each character's byte is one for its flag.
    if (data !== undefined) erase(at + BigInt(data), size * 2);
  };
  for (const port of ports) {
    let next = readMember(kernel, "tty_port", port, "buf.head");
    const sentinel = memberAddress(types, "tty_port", port, "buf.sentinel");
    let left = MAX_BUFFERS;
    for (; next && left > 0; left--) {
      if (!memory.isKernelAddress(next)) break;
      if (next !== sentinel) buffer(next);
      next = readMember(kernel, "tty_buffer", next, "next");
    }
    if (next) found.broken++;
    // Used up and kept for later: their text is still in them.
    let free = readMember(kernel, "tty_port", port, "buf.free.first");
    const link = types.member("tty_buffer", "free")?.offset;
    for (left = MAX_BUFFERS; free && link !== undefined && left > 0; left--) {
      if (!memory.isKernelAddress(free)) break;
      buffer(free - BigInt(link));
      free = memory.readWord(free);
    }
    const transmit = readMember(kernel, "tty_port", port, "xmit_buf");
    if (transmit) erase(transmit, memory.pageSize);
  }
  const [readBuffer, echoes] = ["read_buf", "echo_buf"].map((name) => types.member("n_tty_data", name));
  for (const tty of ttys) {
    const line = readMember(kernel, "tty_struct", tty, "disc_data");
    if (line && isNTty(kernel, tty)) {
      for (const member of [readBuffer, echoes]) {
        if (member !== undefined && member.count !== undefined) erase(line + BigInt(member.offset), member.size);
      }
    }
    const write = readMember(kernel, "tty_struct", tty, "write_buf");
    if (write) erase(write, number("tty_struct", tty, "write_cnt"));
  }
  return found;
}

/** Whether a terminal's line discipline is the usual one, N_TTY: others have other things behind disc_data. */
function isNTty(kernel: KernelObjects, tty: bigint): boolean {
  const discipline = readMember(kernel, "tty_struct", tty, "ldisc");
  const operations = discipline && readMember(kernel, "tty_ldisc", discipline, "ops");
  return operations !== undefined && operations !== 0n && operations === kernel.symbols.address("n_tty_ops");
}

/** The terminals that processes have open. */
function* openTtys(kernel: KernelObjects, initTask: bigint): Generator<bigint> {
  const { types, symbols, memory } = kernel;
  const word = BigInt(memory.wordSize);
  const operations = new Set(
    ["tty_fops", "console_fops", "ptmx_fops", "hung_up_tty_fops"].flatMap((name) => symbols.addresses(name)),
  );
  const head = memberAddress(types, "task_struct", initTask, "tasks");
  if (operations.size === 0 || head === undefined) return;
  const seen = new Set<bigint>();
  for (const task of walkList(kernel, head, "task_struct", "tasks", MAX_TASKS)) {
    const files = readMember(kernel, "task_struct", task, "files");
    if (!files || seen.has(files)) continue;
    seen.add(files);
    const table = readMember(kernel, "files_struct", files, "fdt");
    const array = table && readMember(kernel, "fdtable", table, "fd");
    if (!table || !array) continue;
    const count = Math.min(Number(readMember(kernel, "fdtable", table, "max_fds") ?? 0n), MAX_FILES);
    for (let i = 0; i < count; i++) {
      const file = memory.readWord(array + BigInt(i) * word);
      if (file === undefined) break;
      if (file === 0n || !operations.has(readMember(kernel, "file", file, "f_op") ?? 0n)) continue;
      const own = readMember(kernel, "file", file, "private_data");
      const tty = own && readMember(kernel, "tty_file_private", own, "tty");
      if (tty) yield tty;
    }
  }
}
