import { X86_GENERAL, type X86Registers, type X86Segment } from "../cpu-notes/x86_64.js";
import { fields } from "../fields.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import type { StateFile } from "./state-tags.js";

/** ESXi 8 allows 768. */
const MAX_CPUS = 4096;
/** More than any machine has; values after that are not read. */
const MAX_VALUES = 600 * MAX_CPUS;
/**
 * In the older form one block has all general registers, in this order (as crash reads it; the hardware would have rsp
 * before rbp).
 */
const BLOCK_ORDER = [...["rax", "rcx", "rdx", "rbx", "rbp", "rsp", "rsi", "rdi"], ...X86_GENERAL.slice(8)];
/** The index of a segment register in `S` and `S.base64`. */
const SEGMENTS = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5, ldt: 6, tr: 7 } as const;
/** Blocks that contain registers, and their largest size in bytes. */
const BLOCKS = /^(?:gpregs|CR64|IDTR|GDTR)\[\d+\]$/;
const MAX_BLOCK = 1024;

/** Registers of all virtual CPUs of a saved state. */
export interface StateCpus {
  readonly cpus: readonly X86Registers[];
  /** The first CPU with missing registers; then `cpus` is empty. */
  readonly lacking: number | undefined;
  /** Whether its CPUs are 32-bit. */
  readonly bits32: boolean;
}

/** Reads the group "cpu". Throws `CORRUPT`, `TRUNCATED`, `LIMIT`. */
export function stateCpus(state: StateFile, source: ByteSource): StateCpus {
  const values = readValues(state, source);
  const count = Math.min(MAX_CPUS, Number(values.get("cpu:numVCPUs") ?? values.get("numVCPUs") ?? 0n));
  const bits32 = !values.has("CR64[0][3]") && values.has("CR[0][3]");
  if (bits32) return { cpus: [], lacking: undefined, bits32 };
  const cpus: X86Registers[] = [];
  for (let cpu = 0; cpu < count; cpu++) {
    const registers = registersOf(values, cpu);
    if (registers === undefined) return { cpus: [], lacking: cpu, bits32 };
    cpus.push(registers);
  }
  return { cpus, lacking: undefined, bits32 };
}

/** Values of up to 8 bytes by name. Blocks of registers are split into such values. */
function readValues(state: StateFile, source: ByteSource): Map<string, bigint> {
  const values = new Map<string, bigint>();
  const put = (name: string, bytes: Uint8Array) => {
    if (values.size < MAX_VALUES && bytes.length <= 8) values.set(name, numberOf(bytes));
  };
  state.tags("cpu", ({ name, value, block }) => {
    const short = value !== undefined && value.length > 8 ? value.slice() : undefined;
    if (value !== undefined && short === undefined) put(name, value);
    if (!BLOCKS.test(name)) return;
    const bytes =
      short ??
      (block !== undefined && !block.packed && block.size <= MAX_BLOCK
        ? readExactly(source, block.offset, block.size, "registers")
        : undefined);
    if (bytes !== undefined) takeApart(name, bytes, put);
  });
  return values;
}

function takeApart(name: string, bytes: Uint8Array, put: (name: string, bytes: Uint8Array) => void): void {
  const [, kind = "", index = ""] = /^(\w+)(\[\d+\])$/.exec(name) ?? [];
  const word = (i: number) => bytes.subarray(8 * i, 8 * i + 8);
  if (kind === "gpregs" && bytes.length >= 128) {
    BLOCK_ORDER.forEach((register, i) => {
      put(`${register}${index}`, word(i));
    });
  } else if (kind === "CR64" && bytes.length >= 40) {
    for (let i = 0; i < 5; i++) put(`CR64${index}[${i}]`, word(i));
  } else if ((kind === "IDTR" || kind === "GDTR") && bytes.length >= 10) {
    put(`${kind}${index}[0]`, bytes.subarray(0, 2));
    put(`${kind}${index}[1]`, bytes.subarray(2, 6));
    put(`${kind}${index}[2]`, bytes.subarray(6, 10));
  }
}

function numberOf(bytes: Uint8Array): bigint {
  const all = new Uint8Array(8);
  all.set(bytes);
  return fields(all, true, "").u64(0);
}

function registersOf(values: ReadonlyMap<string, bigint>, cpu: number): X86Registers | undefined {
  const value = (name: string, ...indices: readonly number[]) =>
    values.get(`${name}${[cpu, ...indices].map((index) => `[${index}]`).join("")}`);
  const general: Record<string, bigint> = {};
  for (const name of X86_GENERAL) {
    const found = value(name);
    if (found === undefined) return undefined;
    general[name] = found;
  }
  const rip = value("rip");
  const rflags = value("eflags") ?? value("EFLAGS");
  const [cr0, cr3, cr4] = [0, 3, 4].map((i) => value("CR64", i));
  const idt = table(value, "IDTR");
  if (rip === undefined || rflags === undefined || cr0 === undefined || cr3 === undefined || idt === undefined) {
    return undefined;
  }
  const segment = (index: number): X86Segment => ({
    selector: Number((value("S", index) ?? 0n) & 0xffffn),
    base: value("S.base64", index) ?? 0n,
  });
  const { es, cs, ss, ds, fs, gs, ldt, tr } = SEGMENTS;
  const [code, stack, data, extra] = [segment(cs), segment(ss), segment(ds), segment(es)];
  return {
    general,
    rip,
    rflags,
    segments: {
      cs: code,
      ss: stack,
      ds: data,
      es: extra,
      fs: segment(fs),
      gs: segment(gs),
      ldt: segment(ldt),
      tr: segment(tr),
    },
    gdt: table(value, "GDTR") ?? { base: 0n, limit: 0 },
    idt,
    cr: [cr0, 0n, value("CR64", 2) ?? 0n, cr3, cr4 ?? 0n],
  };
}

function table(value: (name: string, ...indices: readonly number[]) => bigint | undefined, name: string) {
  const [limit, low, high] = [0, 1, 2].map((i) => value(name, i));
  if (limit === undefined || low === undefined || high === undefined) return undefined;
  return { limit: Number(limit & 0xffffn), base: (high << 32n) | (low & 0xffff_ffffn) };
}
