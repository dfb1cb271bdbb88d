import { firstIndex } from "../../sorted.js";
import type { KernelMemory } from "../kernel-memory.js";
import { symbolAddresses } from "./kallsyms-addresses.js";
import { scanForTables } from "./kallsyms-scan.js";
import {
  exportedTables,
  type KallsymsAddresses,
  type KallsymsTables,
  nameEnd,
  nameStarts,
  nameTokens,
  readTables,
} from "./kallsyms-tables.js";
import { endOfName, type KernelSymbols } from "./kernel-symbols.js";
import { HASH_FACTOR, hashEnd, NameIndex } from "./name-index.js";

/**
 * The kernel's own symbol table from its memory (CONFIG_KALLSYMS): all functions, and with CONFIG_KALLSYMS_ALL all
 * variables. Symbols of modules are not in it. Since 6.0 VMCOREINFO says where the tables are; in older kernels they
 * are searched for. `undefined` unless the table gives the right addresses for symbols that VMCOREINFO has.
 *
 * Debian's 87,348 symbols of 6.1 take 70 ms, and 30 bytes of memory each in addition to the compressed names.
 */
export function kallsyms(memory: KernelMemory): KernelSymbols | undefined {
  const exported = exportedTables(memory);
  const found = exported === undefined ? undefined : openTables(memory, exported);
  if (found !== undefined) return found;
  for (const at of scanForTables(memory)) {
    const symbols = openTables(memory, at);
    if (symbols !== undefined) return symbols;
  }
  return undefined;
}

function openTables(memory: KernelMemory, at: KallsymsAddresses): KernelSymbols | undefined {
  const tables = readTables(memory, at);
  if (tables === undefined) return undefined;
  // Lengths of two bytes came with 6.1. In older kernels no name had more than 127 tokens, so the bytes are the same.
  for (const big of [true, false]) {
    const starts = nameStarts(tables.names, tables.count, big);
    if (starts === undefined) continue;
    const names = new KallsymsNames(tables, starts, big);
    const addresses = symbolAddresses(memory, at, names);
    if (addresses !== undefined) return kernelSymbols(names, addresses);
  }
  return undefined;
}

/** The names of the table by number, and the numbers by name. */
export class KallsymsNames {
  readonly #index: NameIndex;
  /** The last token of each name. */
  readonly #lasts: Uint8Array;
  /** The text of each token, made when the first name is. */
  #texts: readonly string[] | undefined;

  constructor(
    private readonly tables: KallsymsTables,
    private readonly starts: Uint32Array,
    private readonly big: boolean,
  ) {
    this.#lasts = new Uint8Array(starts.length);
    this.#index = new NameIndex(hashes(tables, starts, big, this.#lasts));
  }

  get count(): number {
    return this.starts.length;
  }

  /** The name without the type letter. */
  name(i: number): string {
    const { names } = this.tables;
    this.#texts ??= textsOf(this.tables);
    const start = this.starts[i] as number;
    const end = Math.min(nameEnd(names, start, this.big), names.length);
    let text = "";
    for (let at = nameTokens(names, start, this.big); at < end && text.length < MAX_TEXT; at++) {
      text += this.#texts[names[at] as number] ?? "";
    }
    return text.slice(1, MAX_TEXT);
  }

  /** Numbers of the symbols whose names end in one of `texts`, in order. */
  endingIn(texts: readonly string[]): number[] {
    const { starts, big } = this;
    const { names } = this.tables;
    this.#texts ??= textsOf(this.tables);
    const tokens = this.#texts;
    const found: number[] = [];
    for (let token = 0; token < tokens.length; token++) {
      // Few names end in such a token.
      if (!texts.some((text) => overlaps(tokens[token] as string, text))) continue;
      for (let i = this.#lasts.indexOf(token); i >= 0; i = this.#lasts.indexOf(token, i + 1)) {
        const start = starts[i] as number;
        const name = names.subarray(nameTokens(names, start, big), nameEnd(names, start, big));
        if (texts.some((text) => endsIn(name, tokens, text))) found.push(i);
      }
    }
    return found.sort((x, y) => x - y);
  }

  /** Numbers of the symbols with that name. */
  *numbers(name: string): Generator<number> {
    for (const i of this.#index.candidates(Buffer.from(name, "latin1"))) if (this.name(i) === name) yield i;
  }
}

/** Whether one of them is the end of the other. */
function overlaps(a: string, b: string): boolean {
  return a.endsWith(b) || b.endsWith(a);
}

/** Whether the text of a name's tokens ends in `text`. */
function endsIn(name: Uint8Array, tokens: readonly string[], text: string): boolean {
  let left = text;
  for (let at = name.length - 1; at >= 0 && left !== ""; at--) {
    const token = tokens[name[at] as number] ?? "";
    if (!overlaps(token, left)) return false;
    left = left.slice(0, Math.max(0, left.length - token.length));
  }
  return left === "";
}

/** The `hashName` of each name, computed from the tokens' hashes. `lasts` receives the last token of each. */
function hashes(tables: KallsymsTables, starts: Uint32Array, big: boolean, lasts: Uint8Array): Uint32Array {
  const { names } = tables;
  const tokens = tokenHashes(tables);
  const found = new Uint32Array(starts.length);
  for (let i = 0; i < found.length; i++) {
    const start = starts[i] as number;
    const end = i + 1 < found.length ? (starts[i + 1] as number) : Math.min(nameEnd(names, start, big), names.length);
    found[i] = hashOfName(names, nameTokens(names, start, big), end, tokens);
    lasts[i] = names[end - 1] as number;
  }
  return found;
}

/** Hashes of tokens, and the factors for the hash of what is before them. */
interface TokenHashes {
  readonly whole: Int32Array;
  readonly factor: Int32Array;
  /** Of the bytes after the first one, which is the type letter if the token begins a name. */
  readonly rest: Int32Array;
}

function tokenHashes({ tokens, tokenStarts }: KallsymsTables): TokenHashes {
  const [whole, factor, rest] = [new Int32Array(256), new Int32Array(256), new Int32Array(256)];
  tokenStarts.forEach((start, token) => {
    [whole[token], factor[token]] = hashOfToken(tokens, start);
    [rest[token]] = tokens[start] === 0 ? [0] : hashOfToken(tokens, start + 1);
  });
  return { whole, factor, rest };
}

/** The hash of the name of the tokens [start, end). Apart from the loop over all, so that V8 compiles it early. */
function hashOfName(names: Uint8Array, start: number, end: number, { whole, factor, rest }: TokenHashes): number {
  let hash = start < end ? (rest[names[start] as number] as number) : 0;
  for (let at = start + 1; at < end; at++) {
    const token = names[at] as number;
    hash = (Math.imul(hash, factor[token] as number) + (whole[token] as number)) | 0;
  }
  return hashEnd(hash);
}

/** The hash of a token's bytes up to its 0, and the factor for the hash of the bytes before it. */
function hashOfToken(tokens: Uint8Array, start: number): [hash: number, factor: number] {
  let [hash, factor] = [0, 1];
  for (let i = start; i < tokens.length && tokens[i] !== 0; i++) {
    hash = (Math.imul(hash, HASH_FACTOR) + (tokens[i] as number)) | 0;
    factor = Math.imul(factor, HASH_FACTOR);
  }
  return [hash, factor];
}

/** KSYM_NAME_LEN is 512 since 6.1, without the type letter. */
const MAX_TEXT = 513;

/** The text of each token, of which no name has more. */
function textsOf({ tokens, tokenStarts }: KallsymsTables): string[] {
  return Array.from(tokenStarts, (start) => {
    const text = Buffer.from(tokens.subarray(start, start + MAX_TEXT));
    const end = text.indexOf(0);
    return text.toString("latin1", 0, end < 0 ? text.length : end);
  });
}

function kernelSymbols(names: KallsymsNames, addressOf: (i: number) => bigint): KernelSymbols {
  let all: { readonly addresses: BigUint64Array; readonly order: Uint32Array } | undefined;
  return {
    source: "kallsyms in memory",
    address(name) {
      for (const i of names.numbers(name)) return addressOf(i);
      return undefined;
    },
    addresses: (name) => [...names.numbers(name)].map(addressOf),
    matching(patterns) {
      const rows = patterns.map((pattern) => ({ pattern, found: [] as bigint[] }));
      for (let i = 0; i < names.count; i++) {
        const name = names.name(i);
        for (const { pattern, found } of rows) if (pattern.test(name)) found.push(addressOf(i));
      }
      return rows.map(({ found }) => found);
    },
    endingIn(texts) {
      const pattern = endOfName(texts);
      const ends = names.endingIn(texts).filter((i) => pattern.test(names.name(i)));
      return ends.map(addressOf);
    },
    nearest(address) {
      all ??= allAddresses(names.count, addressOf);
      const { addresses, order } = all;
      let low = firstIndex(order.length, (i) => (addresses[order[i] as number] as bigint) > address);
      if (low === 0) return undefined;
      const found = addresses[order[low - 1] as number] as bigint;
      // If several names have one address, the first is taken, as the kernel prints it.
      while (low > 1 && addresses[order[low - 2] as number] === found) low--;
      return { name: names.name(order[low - 1] as number), offset: address - found };
    },
  };
}

/** The address of each symbol, and their order. Takes 20 ms, once names of addresses are needed. */
function allAddresses(count: number, addressOf: (i: number) => bigint) {
  const addresses = new BigUint64Array(count);
  for (let i = 0; i < count; i++) addresses[i] = addressOf(i);
  return { addresses, order: byAddress(addresses) };
}

/** Numbers of the symbols in the order of their addresses. The table is sorted except for per-CPU symbols. */
function byAddress(addresses: BigUint64Array): Uint32Array {
  const order = Uint32Array.from(addresses, (_, i) => i);
  let sorted = true;
  for (let i = 1; i < addresses.length && sorted; i++)
    sorted = (addresses[i - 1] as bigint) <= (addresses[i] as bigint);
  if (sorted) return order;
  return order.sort((a, b) => {
    const [x, y] = [addresses[a] as bigint, addresses[b] as bigint];
    return x < y ? -1 : x > y ? 1 : a - b;
  });
}
