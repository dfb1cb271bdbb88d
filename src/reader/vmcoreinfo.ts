import type { Warnings } from "../warnings.js";
import { type Arch, factsOf, isPageSizeOf } from "./machine.js";

/**
 * The kernel's description of itself (Documentation/admin-guide/kdump/vmcoreinfo.rst), as a table. A name that the
 * kernel did not export is `undefined`; -1 and 0 are values like any other.
 */
export interface Vmcoreinfo {
  /** The text as the dump has it. */
  readonly text: string;
  /** Every item in the order of the text: `["SYMBOL(mem_section)", "ffffffff82a1b0c0"]`. */
  readonly items: ReadonlyMap<string, string>;
  readonly osrelease: string | undefined;
  /** Page size in bytes. */
  readonly pageSize: number | undefined;
  readonly buildId: string | undefined;
  /** When the kernel crashed, in seconds since 1970; dumps of live machines do not have it. */
  readonly crashTime: number | undefined;
  /** The distance by which KASLR moved the kernel; 0 if the kernel does not export it. */
  readonly kernelOffset: bigint;
  /** Address of a kernel symbol, already relocated. */
  symbol(name: string): bigint | undefined;
  /** Size of a struct in bytes. */
  size(name: string): number | undefined;
  /** Offset of `struct.member` in bytes. */
  offset(name: string): number | undefined;
  /** Number of elements of an array. */
  length(name: string): number | undefined;
  /** A number as the kernel prints it: signed decimal, or hexadecimal with 0x (then unsigned). */
  number(name: string): bigint | undefined;
}

/**
 * The limit for sizes of structs, offsets in them and lengths of arrays, by which readers allocate. The largest that a
 * kernel exports is that of mem_section, with 2^19 entries.
 */
const MAX_COUNT = 1n << 24n;

/**
 * Parses the text. If a name occurs twice the first counts (arch and common code may both print one, with the same
 * value). Lines without `=` are skipped with a warning.
 */
export function parseVmcoreinfo(text: string, warnings: Warnings): Vmcoreinfo {
  const items = new Map<string, string>();
  for (const line of text.replace(/\0+$/, "").split("\n")) {
    if (line.trim() === "") continue;
    const equals = line.indexOf("=");
    if (equals <= 0) {
      warnings.add(
        "VMCOREINFO_LINE",
        `VMCOREINFO: a line that coresieve does not understand: ${JSON.stringify(line.slice(0, 60))}`,
      );
      continue;
    }
    const key = line.slice(0, equals);
    // The kernel formats each line in 80 bytes: a longer line loses its newline, and two items are joined.
    const value = line.slice(equals + 1).trim();
    if (items.has(key)) continue;
    items.set(key, value);
    const kind = /^(SYMBOL|SIZE|OFFSET|LENGTH|NUMBER)\(.+\)$/.exec(key)?.[1];
    if (kind !== undefined && !isPossible(kind, value)) {
      const item = JSON.stringify(line.slice(0, 100));
      warnings.add("VMCOREINFO_LINE", `VMCOREINFO: ${item}, which is impossible`);
    }
  }
  const count = (kind: string) => (name: string) => {
    const value = parseInteger(items.get(`${kind}(${name})`));
    return value === undefined || value < 0n || value > MAX_COUNT ? undefined : Number(value);
  };
  return {
    text,
    items,
    osrelease: items.get("OSRELEASE"),
    pageSize: pageSizeOf(parseInteger(items.get("PAGESIZE")), warnings),
    buildId: items.get("BUILD-ID"),
    crashTime: timeOf(parseInteger(items.get("CRASHTIME"))),
    kernelOffset: parseHexadecimal(items.get("KERNELOFFSET")) ?? 0n,
    symbol: (name) => parseHexadecimal(items.get(`SYMBOL(${name})`)),
    size: count("SIZE"),
    offset: count("OFFSET"),
    length: count("LENGTH"),
    number: (name) => parseInteger(items.get(`NUMBER(${name})`)),
  };
}

/** Whether an item has the form of its kind: a wrong one counts as missing, and that alone would not be noticed. */
function isPossible(kind: string, value: string): boolean {
  if (kind === "SYMBOL") return parseHexadecimal(value) !== undefined;
  const number = parseInteger(value);
  if (number === undefined) return false;
  return kind === "NUMBER" ? number >= -(1n << 63n) && number < 1n << 64n : number >= 0n && number <= MAX_COUNT;
}

/**
 * The page size that VMCOREINFO gives; `undefined` if it gives none, or, with a warning, one that no kernel of the
 * machine has. A wrong one would make other pages of all page frame numbers, and tables of other sizes.
 */
export function pageSizeFor(arch: Arch, info: Vmcoreinfo | undefined, warnings: Warnings): number | undefined {
  if (info?.pageSize === undefined || isPageSizeOf(arch, info.pageSize)) return info?.pageSize;
  warnings.add(
    "VMCOREINFO_LINE",
    `VMCOREINFO: PAGESIZE=${info.pageSize}, which is impossible for ${arch}: it is not used`,
  );
  return undefined;
}

/**
 * The page size of a kernel in a dump that counts in pages of `unit` bytes, where nothing else gives it: that, or, with
 * a warning, the machine's usual one, if no kernel of the machine has such pages.
 */
export function pageSizeFromUnit(arch: Arch, unit: number, file: string, warnings: Warnings): number {
  if (isPageSizeOf(arch, unit)) return unit;
  const { pageSize } = factsOf(arch);
  const what = `its header has pages of ${unit} bytes, which is impossible for ${arch}; the kernel's are assumed to have ${pageSize}`;
  warnings.add("PAGE_SIZE_GUESSED", `${file}: ${what}`);
  return pageSize;
}

/**
 * A power of two from 4 KiB to 256 KiB, as on all machines that Linux runs on; another number is damage, and is
 * ignored.
 */
function pageSizeOf(value: bigint | undefined, warnings: Warnings): number | undefined {
  if (value === undefined) return undefined;
  const possible = value >= 4096n && value <= 262_144n && (value & (value - 1n)) === 0n;
  if (possible) return Number(value);
  warnings.add("VMCOREINFO_LINE", `VMCOREINFO: PAGESIZE=${value.toString().slice(0, 40)}, which is impossible`);
  return undefined;
}

/**
 * A decimal number, a hexadecimal one with 0x, or, if the digits show it, a hexadecimal one without 0x (some
 * architectures print numbers this way).
 */
function parseInteger(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  if (/^-?\d+$/.test(text)) return BigInt(text);
  if (/^0x[0-9a-f]+$/i.test(text)) return BigInt(text);
  return parseHexadecimal(text);
}

function parseHexadecimal(text: string | undefined): bigint | undefined {
  return text !== undefined && /^(0x)?[0-9a-f]{1,16}$/i.test(text)
    ? BigInt(`0x${text.replace(/^0x/i, "")}`)
    : undefined;
}

/** The last second that a Date can represent: later ones come from damaged headers. */
const LAST_SECOND = 8_640_000_000_000n;

/** Seconds since 1970 as a number; `undefined` if they are out of range. */
export function timeOf(seconds: bigint | undefined): number | undefined {
  return seconds === undefined || seconds < 0n || seconds > LAST_SECOND ? undefined : Number(seconds);
}
