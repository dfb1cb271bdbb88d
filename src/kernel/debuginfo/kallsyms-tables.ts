import type { KernelMemory } from "../kernel-memory.js";
import { readUpTo } from "./kernel-bytes.js";

/**
 * Where the kernel's symbol tables are. They have the form of scripts/kallsyms.c's output, which kernels since the 2.6
 * series contain with CONFIG_KALLSYMS:
 *
 * - names: per symbol a length, then that many token numbers. The length is one byte; since 6.1 a length above 127 has bit
 *   7 set and a second byte for the bits from 7 on.
 * - token table and index: 256 strings, and where each of them begins (u16).
 * - addresses: words (before 4.6, and without CONFIG_KALLSYMS_BASE_RELATIVE), or 32-bit offsets of a base.
 *
 * The text of a symbol begins with its type, as nm prints it.
 */
export interface KallsymsAddresses {
  readonly count: number;
  readonly names: bigint;
  readonly tokenTable: bigint;
  readonly tokenIndex: bigint;
  /** Address of the table of 32-bit offsets. */
  readonly offsets?: bigint | undefined;
  /** The variable that holds the base of the offsets. */
  readonly relativeBase?: bigint | undefined;
  /** Address of the table of words. */
  readonly addresses?: bigint | undefined;
}

/** The content of the tables. */
export interface KallsymsTables {
  readonly count: number;
  readonly names: Uint8Array;
  readonly tokens: Uint8Array;
  /** Start of each token in `tokens`. */
  readonly tokenStarts: Uint16Array;
}

/** Debian's kernels have 35,000 to 150,000 symbols; a count more than ten times that is wrong. */
export const MAX_SYMBOLS = 2_000_000;
/** A name is not longer than KSYM_NAME_LEN (512 since 6.1); without compression every character is a token. */
export const MAX_ENCODED_NAME = 514;
export const TOKENS = 256;
/** The index has u16 offsets into the table. */
const MAX_TOKEN_TABLE = 65_536;

/**
 * The tables' addresses from VMCOREINFO, which has them since 6.0. `undefined` if one is missing, or if the number of
 * symbols is impossible.
 */
export function exportedTables(memory: KernelMemory): KallsymsAddresses | undefined {
  const { info } = memory;
  const names = info.symbol("kallsyms_names");
  const countAt = info.symbol("kallsyms_num_syms");
  const tokenTable = info.symbol("kallsyms_token_table");
  const tokenIndex = info.symbol("kallsyms_token_index");
  if (names === undefined || countAt === undefined || tokenTable === undefined || tokenIndex === undefined) {
    return undefined;
  }
  const count = memory.readView(countAt, 4)?.getUint32(0, memory.littleEndian);
  if (count === undefined || count === 0 || count > MAX_SYMBOLS) return undefined;
  return {
    count,
    names,
    tokenTable,
    tokenIndex,
    offsets: info.symbol("kallsyms_offsets"),
    relativeBase: info.symbol("kallsyms_relative_base"),
    addresses: info.symbol("kallsyms_addresses"),
  };
}

/** Reads names and tokens. `undefined` if the dump lacks them or they are not such tables. */
export function readTables(memory: KernelMemory, at: KallsymsAddresses): KallsymsTables | undefined {
  const { count } = at;
  const index = memory.readView(at.tokenIndex, TOKENS * 2);
  if (index === undefined) return undefined;
  const tokenStarts = Uint16Array.from({ length: TOKENS }, (_, i) => index.getUint16(i * 2, memory.littleEndian));
  if (tokenStarts.some((start, i) => i > 0 && start <= (tokenStarts[i - 1] as number))) return undefined;
  // The index does not have the last token's end; a token is not longer than a name.
  const tokens = readUpTo(memory, at.tokenTable, Math.min(MAX_TOKEN_TABLE, tokenStarts[TOKENS - 1] as number) + 512);
  const most = count * MAX_ENCODED_NAME;
  const between = at.tokenTable > at.names ? Number(at.tokenTable - at.names) : most;
  const names = readUpTo(memory, at.names, Math.min(most, between, MAX_NAMES));
  return { count, names, tokens, tokenStarts };
}

/** Bytes: 87,000 names take 1.1 MB. */
export const MAX_NAMES = 32 << 20;

/**
 * Where each name begins in `names`: `count` positions; `undefined` if the names end before the last one. With `big`
 * (6.1 and later) a length byte above 127 is the first of two.
 */
export function nameStarts(names: Uint8Array, count: number, big: boolean): Uint32Array | undefined {
  if (count > names.length) return undefined;
  const starts = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at >= names.length) return undefined;
    starts[i] = at;
    const first = names[at] as number;
    at += big && first > 127 ? 2 + ((first & 0x7f) | ((names[at + 1] ?? 0) << 7)) : 1 + first;
  }
  return at <= names.length ? starts : undefined;
}

/** Where the token numbers of the name at `at` begin. */
export function nameTokens(names: Uint8Array, at: number, big: boolean): number {
  return big && (names[at] as number) > 127 ? at + 2 : at + 1;
}

/** One more than the last byte of the name at `at`. */
export function nameEnd(names: Uint8Array, at: number, big: boolean): number {
  const first = names[at] as number;
  if (big && first > 127) return at + 2 + ((first & 0x7f) | ((names[at + 1] ?? 0) << 7));
  return at + 1 + first;
}
