import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import type { ScrubList } from "./private-objects.js";

/** What was found in terminals. */
export interface TtyBuffers extends ScrubList {
  /** Lists that do not end, buffers that are not in the dump. */
  broken: number;
}

const MAX_DRIVERS = 1024;
const MAX_LINES = 1 << 16;
const MAX_FILES = 1 << 16;
const MAX_TTYS = 1 << 16;
const MAX_BUFFERS = 1 << 12;
/** tty_struct.write_cnt is 64 KiB at most (TTYB_DEFAULT_MEM_LIMIT for buffers). */
const MAX_BYTES = 1 << 17;

/**
 * Finds the text in terminals: what came in and was not yet read (tty_buffer, n_tty_data), and what is being written. Terminals
 * are those that are open (pseudo terminals are in no list), and those of the list tty_drivers. Where the symbols have no variables
 * that list is entered by the driver of an open one, and terminals are told by their functions. `undefined` if symbols or
 * types lack what leads there, or there is no task. `tasks` are asked for their open files.
 */
export function ttyBuffers(
  space: AddressSpace,
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
): TtyBuffers | undefined {
  const { types, symbols, memory } = kernel;
  if (symbols.address("tty_read") === undefined && symbols.address("tty_fops") === undefined) return undefined;
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
  const opened = openTtys(kernel, tasks);
  if (opened === undefined) return undefined;
  for (const tty of opened) addTty(tty);
  const drivers = symbols.address("tty_drivers") ?? driverList(kernel, opened);
  for (const driver of drivers === undefined
    ? []
    : walkList(kernel, drivers, "tty_driver", "tty_drivers", MAX_DRIVERS)) {
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
  if (!operations) return false;
  const known = kernel.symbols.address("n_tty_ops");
  if (known !== undefined) return operations === known;
  const open = kernel.symbols.address("n_tty_open");
  return open !== undefined && readMember(kernel, "tty_ldisc_ops", operations, "open") === open;
}

/** The driver of a terminal, as a way into the list of them; the list's head then comes up as one without lines. */
function driverList(kernel: KernelObjects, ttys: readonly bigint[]): bigint | undefined {
  for (const tty of ttys) {
    const driver = readMember(kernel, "tty_struct", tty, "driver");
    const list = driver && memberAddress(kernel.types, "tty_driver", driver, "tty_drivers");
    const next = list && kernel.memory.readWord(list);
    if (next && kernel.memory.readWord(next + BigInt(kernel.memory.wordSize)) === list) return next;
  }
  return undefined;
}

/** Tells by a file's operations whether it is a terminal: by the variables, or by what reads from it. */
function terminalTeller(kernel: KernelObjects): (operations: bigint) => boolean {
  const { symbols } = kernel;
  const names = ["tty_fops", "console_fops", "ptmx_fops", "hung_up_tty_fops"];
  const variables = new Set(names.flatMap((name) => symbols.addresses(name)));
  if (variables.size > 0) return (operations) => variables.has(operations);
  const functions = new Set(["tty_read", "hung_up_tty_read"].flatMap((name) => symbols.addresses(name)));
  const known = new Map<bigint, boolean>();
  return (operations) => {
    let is = known.get(operations);
    if (is === undefined) {
      // read_iter since 5.11.
      is = ["read_iter", "read"].some((path) =>
        functions.has(readMember(kernel, "file_operations", operations, path) ?? 0n),
      );
      known.set(operations, is);
    }
    return is;
  };
}

/** The terminals that processes have open; `undefined` if there are no tasks. */
function openTtys(kernel: KernelObjects, tasks: Iterable<bigint>): bigint[] | undefined {
  const { memory } = kernel;
  const word = BigInt(memory.wordSize);
  const isTerminal = terminalTeller(kernel);
  const found: bigint[] = [];
  let any = false;
  const seen = new Set<bigint>();
  for (const task of tasks) {
    any = true;
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
      const operations = file === 0n ? undefined : readMember(kernel, "file", file, "f_op");
      if (!operations || !isTerminal(operations)) continue;
      const own = readMember(kernel, "file", file, "private_data");
      const tty = own && readMember(kernel, "tty_file_private", own, "tty");
      if (tty && found.length < MAX_TTYS) found.push(tty);
    }
  }
  return any ? found : undefined;
}
