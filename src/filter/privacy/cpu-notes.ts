import type { AddressSpace } from "../../kernel/address-space.js";
import { archSupport } from "../../kernel/arch/archs.js";
import type { BytePiece } from "../../kernel/arch/registers.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import type { Machine } from "../../reader/machine.js";
import { type Note, NT_PRSTATUS } from "../../reader/notes.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { inUserMode } from "./private-notes.js";
import { registerCopies, wordsOf } from "./register-copies.js";
import type { ScrubList } from "./scrubbed.js";

/** A note's header (Elf_Nhdr), and "CORE" padded to a multiple of 4. */
const HEAD = 12;
const NAME = 8;
/** The largest NT_PRSTATUS, that of ia64, has about 1,300 bytes. */
const MAX_NOTE = 4096;
/** Per-CPU pointers to interrupt stacks: to the top (x86) or the bottom (arm64, riscv). */
const STACKS = ["irq_stack_ptr", "hardirq_stack_ptr", "nmi_stack_ptr"];
/** These stacks have THREAD_SIZE, 16 KiB or 32 KiB; both sides of the pointer are searched. */
const STACK_SIZE = 32 << 10;

/**
 * The registers of CPUs that were in user mode, as the crashing kernel stored them: in the notes that it wrote for the
 * dump (`crash_notes`, one per CPU), and in copies on the CPUs' interrupt stacks, where the notes were made. Empty if
 * there are none, as for a machine that a hypervisor stopped. `undefined` if the symbols do not lead to per-CPU memory.
 */
export function cpuNotes(
  space: AddressSpace,
  kernel: KernelObjects,
  machine: Machine,
  lowestAddress: bigint,
): ScrubList | undefined {
  const { memory, symbols } = kernel;
  const variable = symbols.address("crash_notes");
  const cpus = possibleCpus(kernel);
  const notes = variable === undefined ? undefined : memory.readWord(variable);
  if (cpus === undefined) return undefined;
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const registers = archSupport(machine.arch)?.noteRegisters?.find(({ owner }) => owner === "CORE");
  if (notes === undefined || notes === 0n || registers === undefined) return found;
  for (const cpu of cpus) {
    const at = perCpuAddress(kernel, notes, cpu);
    const desc = at === undefined ? undefined : prstatus(kernel, at);
    if (at === undefined || desc === undefined || !inUserMode(desc, registers, machine, lowestAddress)) continue;
    found.objects++;
    for (const [from, to] of registers.clear) {
      const end = Math.min(to, desc.desc.length);
      addVirtual(space, at + BigInt(HEAD + NAME + from), end - from, found.list);
    }
    const view = new DataView(desc.desc.buffer, desc.desc.byteOffset, desc.desc.length);
    const largest = registers.clear.reduce((a, b) => (b[1] - b[0] > a[1] - a[0] ? b : a));
    const words = wordsOf(view, [largest[0], Math.min(largest[1], view.byteLength)], machine);
    for (const [start, pieces] of copiesOnStacks(kernel, cpu, words)) {
      for (const [from, to] of pieces) addVirtual(space, start + BigInt(from), to - from, found.list);
    }
  }
  return found;
}

/** The note at an address, if it is a CPU's. */
function prstatus({ memory }: KernelObjects, at: bigint): Pick<Note, "desc"> | undefined {
  const head = memory.readView(at, HEAD + NAME);
  if (head === undefined || head.getUint32(0, memory.littleEndian) !== 5) return undefined;
  const length = head.getUint32(4, memory.littleEndian);
  if (head.getUint32(8, memory.littleEndian) !== NT_PRSTATUS || length > MAX_NOTE) return undefined;
  if (Buffer.from(head.buffer, head.byteOffset + HEAD, 4).toString("latin1") !== "CORE") return undefined;
  const desc = memory.readView(at + BigInt(HEAD + NAME), length);
  return desc && { desc: new Uint8Array(desc.buffer, desc.byteOffset, length) };
}

function* copiesOnStacks(
  kernel: KernelObjects,
  cpu: number,
  words: readonly bigint[],
): Generator<readonly [start: bigint, pieces: readonly BytePiece[]]> {
  const { memory, symbols } = kernel;
  const page = BigInt(memory.pageSize);
  for (const name of STACKS) {
    const variable = symbols.address(name);
    const own = variable === undefined ? undefined : perCpuAddress(kernel, variable, cpu);
    const pointer = own === undefined ? undefined : memory.readWord(own);
    if (pointer === undefined || !memory.isKernelAddress(pointer)) continue;
    const middle = pointer - (pointer % page);
    for (let at = middle - BigInt(STACK_SIZE); at < middle + BigInt(STACK_SIZE); at += page) {
      const view = memory.readView(at, memory.pageSize);
      if (view !== undefined) yield [at, registerCopies(view, words, memory)];
    }
  }
}
