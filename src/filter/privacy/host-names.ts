import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember, readText } from "../../kernel/objects/kernel-objects.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { machineNumbers } from "./firmware-texts.js";
import type { ScrubList } from "./scrubbed.js";
import { unknownParameters } from "./unknown-parameters.js";
import { guessing } from "./watched-kernel.js";

/** COMMAND_LINE_SIZE is 256 bytes to 64 KiB. */
const MAX_COMMAND_LINE = 1 << 16;
const MAX_NAMESPACES = 1 << 16;
/** Pointers to command lines: the original, and copies for the parser (init/main.c). */
const COMMAND_LINES = ["saved_command_line", "static_command_line", "extra_command_line", "extra_init_args"];

/**
 * The names of the host and its domain, in every namespace of tasks, the kernel's command lines, and numbers and tags of the machine's parts. Copies in programs
 * or in the kernel's messages are not included. `undefined` if the types lack the members.
 */
export function hostNames(
  space: AddressSpace,
  physical: PhysicalMemory,
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
): ScrubList | undefined {
  const { memory, symbols, types } = kernel;
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const members = ["nodename", "domainname"].map((name) => types.member("new_utsname", name));
  const name = types.member("uts_namespace", "name")?.offset;
  const initial = symbols.address("init_uts_ns") ?? memory.info.symbol("init_uts_ns");
  if (members.includes(undefined) || name === undefined) return undefined;
  const spaces = new Set(initial === undefined ? [] : [initial]);
  for (const task of tasks) {
    const proxy = readMember(kernel, "task_struct", task, "nsproxy");
    if (!proxy || !memory.isKernelAddress(proxy)) continue;
    if (spaces.size >= MAX_NAMESPACES) {
      kernel.incomplete?.();
      break;
    }
    const own = readMember(kernel, "nsproxy", proxy, "uts_ns");
    if (own && memory.isKernelAddress(own)) spaces.add(own);
  }
  for (const one of spaces) {
    for (const member of members) {
      if (member === undefined) continue;
      addVirtual(space, one + BigInt(name + member.offset), member.size, found.list);
    }
    found.objects++;
  }
  const numbers = machineNumbers(space, kernel);
  found.list.addAll(numbers.list.merged(0));
  found.objects += numbers.objects;
  const lines = new Set<string>();
  for (const pointer of COMMAND_LINES) {
    const at = symbols.address(pointer);
    const text = at === undefined ? undefined : memory.readWord(at);
    const line = text && memory.isKernelAddress(text) ? readText(memory, text, MAX_COMMAND_LINE) : undefined;
    if (!text || !line) continue;
    lines.add(line);
    if (addVirtual(space, text, line.length, found.list) > 0) found.objects++;
    for (const copy of copiesAround(kernel, text, line)) addVirtual(space, copy, line.length, found.list);
    if (pointer === COMMAND_LINES[0]) {
      const place = space.translate(text)?.paddr;
      for (const { start, length } of place === undefined ? [] : unknownParameters(kernel, physical, place))
        found.list.add(start, length);
    }
  }
  // Where the boot loader left it.
  const parameters = symbols.address("boot_params");
  const paddr = Number((parameters && readMember(kernel, "boot_params", parameters, "hdr.cmd_line_ptr")) ?? 0n);
  for (const line of paddr > 0 ? lines : []) {
    const bytes = Buffer.alloc(line.length);
    if (physical.read(bytes, paddr) === bytes.length && bytes.toString("latin1") === line) {
      found.list.add(paddr, line.length);
      found.objects++;
    }
  }
  // Initial data, which the kernel frees and may unmap: if it is another text by now, it belongs to somebody else.
  const boot = symbols.address("boot_command_line");
  const line = boot === undefined ? undefined : readText(guessing(kernel).memory, boot, MAX_COMMAND_LINE);
  if (boot !== undefined && line !== undefined && lines.has(line)) addVirtual(space, boot, line.length, found.list);
  return found;
}

/**
 * Copies of a line in the memory around it: the kernel makes some at its start, one behind the other, and has a pointer
 * to one of them only while it parses parameters (initcall_command_line). The parser replaces blanks and equals signs
 * by zeros.
 */
function copiesAround(kernel: KernelObjects, at: bigint, line: string): bigint[] {
  // The memory around it ends somewhere.
  const { memory } = guessing(kernel);
  const page = BigInt(memory.pageSize);
  const around = BigInt(4 * line.length) + page;
  const apart = (bytes: Buffer) => Buffer.from(bytes.map((byte) => (byte === 0x20 || byte === 0x3d ? 0 : byte)));
  const wanted = apart(Buffer.from(line, "latin1"));
  const found: bigint[] = [];
  if (wanted.length < LEAST_LINE) return found;
  let start = at - (at % page);
  while (start > at - around && memory.readWord(start - page) !== undefined) start -= page;
  let end = at - (at % page) + page;
  while (end < at + around && memory.readWord(end) !== undefined) end += page;
  const view = memory.readView(start, Number(end - start));
  if (view === undefined) return found;
  const bytes = apart(Buffer.from(view.buffer, view.byteOffset, view.byteLength));
  for (let i = bytes.indexOf(wanted); i >= 0; i = bytes.indexOf(wanted, i + 1)) found.push(start + BigInt(i));
  return found;
}

/** A shorter line may be anything. */
const LEAST_LINE = 8;
