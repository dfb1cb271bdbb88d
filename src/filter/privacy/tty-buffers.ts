import type { AddressSpace } from "../../kernel/address-space.js";
import {
  type KernelObjects,
  memberAddress,
  readMember,
  readPossibleMember,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import { moduleNamed, moduleSymbol } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addAllocated, type WantedBytes } from "./allocations.js";
import { dataOfOpenFiles, type OpenFiles } from "./open-files.js";
import type { ScrubList } from "./scrubbed.js";
import { guessing } from "./watched-kernel.js";

/** What was found in terminals. */
export interface TtyBuffers extends ScrubList {
  /** Lists that do not end, and buffers that are not in the dump. */
  broken: number;
}

const MAX_DRIVERS = 1024;
const MAX_LINES = 1 << 16;
const MAX_TTYS = 1 << 16;
const MAX_BUFFERS = 1 << 12;
/** tty_struct.write_cnt is at most 64 KiB (TTYB_DEFAULT_MEM_LIMIT for buffers). */
const MAX_BYTES = 1 << 17;
/** TPK_STR_SIZE and a prefix (drivers/char/ttyprintk.c). */
const LOG_LINE = 512;

/**
 * Finds the text in terminals: input that was not read yet (tty_buffer, n_tty_data), and output that is being written.
 * Terminals are found as open files (pseudo terminals are in no list), and in the list tty_drivers. If the symbols have
 * no variables, the list is entered at the driver of an open terminal, and terminals are recognised by their functions.
 * `undefined` if symbols or types lack what is needed, or there is no task. `files` are searched.
 */
export function ttyBuffers(space: AddressSpace, kernel: KernelObjects, files: OpenFiles): TtyBuffers | undefined {
  const terminals = allTerminals(space, kernel, files);
  const printed = logTerminal(kernel);
  if (printed !== undefined) terminals?.addText(printed, LOG_LINE);
  for (const { text, length } of hypervisorConsoles(kernel)) terminals?.addText(text, length);
  return terminals?.buffers();
}

/** All `struct tty_struct` of a kernel, as `ttyBuffers` finds them. */
export function allTtys(space: AddressSpace, kernel: KernelObjects, files: OpenFiles): ReadonlySet<bigint> | undefined {
  return allTerminals(space, kernel, files)?.ttys;
}

function allTerminals(space: AddressSpace, kernel: KernelObjects, files: OpenFiles): Terminals | undefined {
  const { types, symbols } = kernel;
  if (symbols.address("tty_read") === undefined && symbols.address("tty_fops") === undefined) return undefined;
  for (const [type, path] of [
    ["tty_driver", "tty_drivers"],
    ["tty_struct", "port"],
    ["tty_port", "buf.head"],
    ["tty_buffer", "next"],
  ] as const) {
    if (types.member(type, path) === undefined) return undefined;
  }
  const opened = openTtys(kernel, files);
  if (opened === undefined) return undefined;
  const terminals = new Terminals(space, kernel, files.allocations);
  for (const tty of opened) terminals.addTty(tty);
  const drivers = symbols.address("tty_drivers") ?? driverList(kernel, opened);
  if (drivers !== undefined) terminals.addDrivers(drivers);
  return terminals;
}

/** Terminals and their ports, and the text found in them. */
class Terminals {
  readonly #space: AddressSpace;
  readonly #kernel: KernelObjects;
  readonly #ttys = new Set<bigint>();
  readonly #ports = new Set<bigint>();
  readonly #wanted: WantedBytes[] = [];
  readonly #allocations: OpenFiles["allocations"];
  readonly #found: TtyBuffers = { list: new SpanList(), objects: 0, broken: 0 };

  constructor(space: AddressSpace, kernel: KernelObjects, allocations: OpenFiles["allocations"]) {
    this.#space = space;
    this.#kernel = kernel;
    this.#allocations = allocations;
  }

  /** Adds a terminal, and the other end of a pseudo terminal. */
  addTty(tty: bigint): void {
    for (const one of [tty, this.#read("tty_struct", tty, "link")]) {
      if (one === undefined || !this.#kernel.memory.isKernelAddress(one) || this.#ttys.has(one)) continue;
      if (this.#ttys.size >= MAX_TTYS) {
        this.#found.broken++;
        continue;
      }
      this.#ttys.add(one);
      const port = this.#read("tty_struct", one, "port");
      if (port) this.#ports.add(port);
    }
  }

  get ttys(): ReadonlySet<bigint> {
    return this.#ttys;
  }

  addText(address: bigint, length: number): void {
    this.#erase(address, length);
  }

  /** Adds all drivers of a list. */
  addDrivers(list: bigint): void {
    for (const driver of walkList(this.#kernel, list, "tty_driver", "tty_drivers", MAX_DRIVERS)) {
      const lines = Math.min(this.#number("tty_driver", driver, "num"), MAX_LINES);
      for (const tty of this.#lines(driver, "ttys", lines)) this.addTty(tty);
      for (const port of this.#lines(driver, "ports", lines)) this.#ports.add(port);
    }
  }

  /** The pointers in a driver's array that are not 0. */
  *#lines(driver: bigint, member: "ttys" | "ports", lines: number): Generator<bigint> {
    const { memory } = this.#kernel;
    const array = this.#read("tty_driver", driver, member);
    if (!array) return;
    for (let i = 0; i < lines; i++) {
      const one = memory.readWord(array + BigInt(i * memory.wordSize));
      if (one === undefined) return;
      if (one !== 0n) yield one;
    }
  }

  buffers(): TtyBuffers {
    for (const port of this.#ports) this.#erasePort(port);
    for (const tty of this.#ttys) this.#eraseTty(tty);
    // A port or terminal may be somebody else's memory by now, or a dump be damaged or crafted.
    addAllocated(this.#space, this.#wanted, this.#allocations, this.#found);
    return this.#found;
  }

  #erasePort(port: bigint): void {
    const { memory, types } = this.#kernel;
    if (!this.#isPort(port)) return;
    let next = this.#read("tty_port", port, "buf.head");
    const sentinel = memberAddress(this.#kernel, "tty_port", port, "buf.sentinel");
    let left = MAX_BUFFERS;
    for (; next && left > 0; left--) {
      if (!memory.isKernelAddress(next)) break;
      if (next !== sentinel) this.#eraseBuffer(next);
      next = this.#read("tty_buffer", next, "next");
    }
    if (next) this.#found.broken++;
    // Used buffers that are kept for later still contain their text.
    let free = this.#read("tty_port", port, "buf.free.first");
    const link = types.member("tty_buffer", "free")?.offset;
    for (left = MAX_BUFFERS; free && link !== undefined && left > 0; left--) {
      if (!memory.isKernelAddress(free)) break;
      this.#eraseBuffer(free - BigInt(link));
      free = memory.readWord(free);
    }
    if (free) this.#found.broken++;
    const transmit = this.#read("tty_port", port, "xmit_buf");
    if (transmit) this.#erase(transmit, memory.pageSize);
  }

  /** Drivers keep the addresses of ports whose devices have gone: what is there now is somebody else's. */
  #isPort(port: bigint): boolean {
    const { memory, types } = guessing(this.#kernel);
    // It is `head` since 4.13.
    const name = ["open_wait.head", "open_wait.task_list"].find((path) => types.member("tty_port", path) !== undefined);
    if (name === undefined) return true;
    const list = memberAddress(this.#kernel, "tty_port", port, name) as bigint;
    const next = memory.isKernelAddress(port) ? memory.readWord(list) : undefined;
    return !!next && memory.isKernelAddress(next) && memory.readWord(next + BigInt(memory.wordSize)) === list;
  }

  #eraseBuffer(at: bigint): void {
    const { types } = this.#kernel;
    const data = types.member("tty_buffer", "data")?.offset ?? types.sizeOf("tty_buffer");
    const size = this.#number("tty_buffer", at, "size");
    // Behind the bytes of the characters is one byte per character for its flag.
    if (data !== undefined) this.#allocated(at, data, size * 2);
  }

  #eraseTty(tty: bigint): void {
    const line = this.#read("tty_struct", tty, "disc_data");
    if (line && isNTty(this.#kernel, tty)) {
      for (const name of ["read_buf", "echo_buf"]) {
        const member = this.#kernel.types.member("n_tty_data", name);
        if (member?.count !== undefined) this.#erase(line + BigInt(member.offset), member.size);
      }
    }
    const write = this.#read("tty_struct", tty, "write_buf");
    if (write) this.#allocated(write, 0, this.#number("tty_struct", tty, "write_cnt"));
  }

  /** Text in an allocation, from `from` on to its end. */
  #allocated(address: bigint, from: number, length: number): void {
    if (length <= 0 || length > MAX_BYTES) return;
    if (this.#space.translate(address) === undefined) this.#found.broken++;
    else this.#wanted.push({ address, size: from + length, from, length });
  }

  #erase(address: bigint, length: number): void {
    if (length <= 0 || length > MAX_BYTES) return;
    let done = 0;
    while (done < length) {
      const place = this.#space.translate(address + BigInt(done));
      if (place === undefined) break;
      const n = Math.min(place.length, length - done);
      this.#found.list.add(place.paddr, n);
      done += n;
    }
    if (done < length) this.#found.broken++;
    if (done > 0) this.#found.objects++;
  }

  #read(type: string, at: bigint, path: string): bigint | undefined {
    return readMember(this.#kernel, type, at, path);
  }

  /** 0 if the member cannot be read. */
  #number(type: string, at: bigint, path: string): number {
    return Number(this.#read(type, at, path) ?? 0n);
  }
}

/** Where the terminal that prints to the log (ttyprintk) has the line that is not whole yet, in its own variable. */
function logTerminal(kernel: KernelObjects): bigint | undefined {
  const { symbols } = kernel;
  const builtIn = symbols.address("tpk_buffer");
  if (builtIn !== undefined || symbols.address("modules") === undefined) return builtIn;
  const module = moduleNamed(kernel, "ttyprintk");
  return module === undefined ? undefined : moduleSymbol(kernel, module, "tpk_buffer");
}

/**
 * What terminals print, on its way to a console that the hypervisor has (hvc: virtio, POWER, s390x, Xen), and there until it is
 * overwritten. The list has all that have been opened.
 */
function* hypervisorConsoles(kernel: KernelObjects): Generator<{ readonly text: bigint; readonly length: number }> {
  const { memory, symbols, types } = kernel;
  const room = types.member("hvc_struct", "outbuf");
  const list = symbols.address("hvc_structs");
  if (room === undefined || list === undefined) {
    // A kernel without them has neither; one that lists functions only does not say.
    if (room !== undefined) kernel.incomplete?.();
    return;
  }
  for (const one of walkList(kernel, list, "hvc_struct", "next", MAX_LINES)) {
    // It was a pointer until 6.7.
    const text = room.count === undefined ? readMember(kernel, "hvc_struct", one, "outbuf") : one + BigInt(room.offset);
    const length = Number(readMember(kernel, "hvc_struct", one, "outbuf_size") ?? 0n);
    if (text && memory.isKernelAddress(text)) yield { text, length };
  }
}

/** Whether a terminal has the usual line discipline, N_TTY: others have other data behind disc_data. */
function isNTty(kernel: KernelObjects, tty: bigint): boolean {
  const discipline = readMember(kernel, "tty_struct", tty, "ldisc");
  const operations = discipline && readMember(kernel, "tty_ldisc", discipline, "ops");
  if (!operations) return false;
  const known = kernel.symbols.address("n_tty_ops");
  if (known !== undefined) return operations === known;
  const open = kernel.symbols.address("n_tty_open");
  return open !== undefined && readMember(kernel, "tty_ldisc_ops", operations, "open") === open;
}

/**
 * The driver of a terminal, for entering the list of drivers; the list's head then looks like a driver without lines.
 */
function driverList(kernel: KernelObjects, ttys: readonly bigint[]): bigint | undefined {
  for (const tty of ttys) {
    const driver = readMember(kernel, "tty_struct", tty, "driver");
    const list = driver && memberAddress(kernel, "tty_driver", driver, "tty_drivers");
    const next = list && kernel.memory.readWord(list);
    if (next && kernel.memory.readWord(next + BigInt(kernel.memory.wordSize)) === list) return next;
  }
  return undefined;
}

/**
 * Returns a test whether a file is a terminal, by its operations: by the variables, or by the function that reads from
 * it.
 */
function terminalTest(kernel: KernelObjects): (operations: bigint) => boolean {
  const { symbols } = kernel;
  const names = ["tty_fops", "console_fops", "ptmx_fops", "hung_up_tty_fops"];
  const variables = new Set(names.flatMap((name) => symbols.addresses(name)));
  if (variables.size > 0) return (operations) => variables.has(operations);
  const functions = new Set(["tty_read", "hung_up_tty_read"].flatMap((name) => symbols.addresses(name)));
  const known = new Map<bigint, boolean>();
  return (operations) => {
    let is = known.get(operations);
    if (is === undefined) {
      // It is read_iter since 5.11.
      is = ["read_iter", "read"].some((path) =>
        functions.has(readPossibleMember(kernel, "file_operations", operations, path) ?? 0n),
      );
      known.set(operations, is);
    }
    return is;
  };
}

/** The terminals that processes have open; `undefined` if there are no tasks. */
function openTtys(kernel: KernelObjects, files: OpenFiles): bigint[] | undefined {
  const all = [...files.tasks];
  const found: bigint[] = [];
  for (const own of dataOfOpenFiles(kernel, { ...files, tasks: all }, terminalTest(kernel))) {
    const tty = readMember(kernel, "tty_file_private", own, "tty");
    if (tty && found.length < MAX_TTYS) found.push(tty);
  }
  return all.length > 0 ? found : undefined;
}
