/** The kernel's symbol tables as kernels of different ages lay them out, from a list of symbols. */
import { ByteBuffer, type ByteOrder, noiseBytes } from "./bytes.js";

export interface KallsymsSymbol {
  readonly name: string;
  readonly address: bigint;
}

/** How addresses are written, and in which order the tables are. */
export type KallsymsLayout =
  /** To 4.5: addresses as words; number and markers are words. */
  | "addresses"
  /** 4.6 to 4.19: 32-bit offsets; number and markers are words. */
  | "offsets-words"
  /** 4.20 to 6.1. */
  | "offsets"
  /** 6.1.y and 6.2: sequence numbers behind the markers. */
  | "sequences"
  /** 6.4 and later: offsets behind the tokens. */
  | "offsets-behind"
  /** Offsets count from their own place. */
  | "place-relative";

export interface KallsymsOptions {
  readonly layout: KallsymsLayout;
  readonly vaddr: bigint;
  readonly symbols: readonly KallsymsSymbol[];
  readonly wordSize?: 4 | 8;
  readonly byteOrder?: ByteOrder;
  /** Symbols of the first half of the address space are absolute, the others count down from the base (4.6 to 6.14). */
  readonly absolutePerCpu?: boolean;
}

export interface KallsymsImage {
  readonly bytes: Uint8Array;
  /** Lines of VMCOREINFO as kernels since 6.0 write them. */
  readonly exported: readonly string[];
}

/** Bytes of "code" before the tables. */
const CODE = 0x40000;
/** Character codes that no name has: tokens of several characters. */
const LONG_TOKENS: Readonly<Record<number, string>> = { 1: "function_", 2: "Tfunc", 200: "er", 255: "_of" };

export function kallsymsImage(options: KallsymsOptions): KallsymsImage {
  const { layout, vaddr, symbols, wordSize = 8, byteOrder = "little" } = options;
  const out = new ByteBuffer(byteOrder).bytes(noiseBytes(7, CODE));
  const at = new Map<string, number>();
  const begin = (name: string): void => {
    out.align(wordSize);
    at.set(name, out.position);
  };
  const base = symbols.map((symbol) => symbol.address).reduce((a, b) => (a < b && a >= vaddr ? a : b));
  const wide = layout === "addresses" || layout === "offsets-words";

  const offsets = (): void => {
    begin(layout === "addresses" ? "kallsyms_addresses" : "kallsyms_offsets");
    for (const { address } of symbols) {
      if (layout === "addresses") out.word(wordSize, address);
      else if (layout === "place-relative") out.u32(address - (vaddr + BigInt(out.position)));
      else if (options.absolutePerCpu) out.u32(address < vaddr ? address : base - 1n - address);
      else out.u32(address - base);
    }
    if (layout === "addresses" || layout === "place-relative") return;
    begin("kallsyms_relative_base");
    out.word(wordSize, base);
  };

  const behind = layout === "offsets-behind" || layout === "place-relative";
  if (!behind) offsets();
  begin("kallsyms_num_syms");
  if (wide) out.word(wordSize, symbols.length);
  else out.u32(symbols.length);
  begin("kallsyms_names");
  const start = out.position;
  const markers: number[] = [];
  for (const [i, { name }] of symbols.entries()) {
    if (i % 256 === 0) markers.push(out.position - start);
    const codes = compress(`T${name}`);
    if (codes.length > 127) out.u8(0x80 | (codes.length & 0x7f)).u8(codes.length >> 7);
    else out.u8(codes.length);
    for (const code of codes) out.u8(code);
  }
  begin("kallsyms_markers");
  for (const marker of markers) {
    if (wide) out.word(wordSize, marker);
    else out.u32(marker);
  }
  if (layout === "sequences") {
    begin("kallsyms_seqs_of_names");
    for (let i = 0; i < symbols.length; i++) out.bytes(Uint8Array.of(0, (i * 37) >> 8, i * 37));
  }
  begin("kallsyms_token_table");
  const table = out.position;
  const used = new Set([..."T", ...symbols.flatMap(({ name }) => [...name]), ..."0123456789"]);
  const index: number[] = [];
  for (let code = 0; code < 256; code++) {
    index.push(out.position - table);
    const char = String.fromCharCode(code);
    out.text(`${LONG_TOKENS[code] ?? (used.has(char) ? char : "")}\0`);
  }
  begin("kallsyms_token_index");
  for (const value of index) out.u16(value);
  if (behind) offsets();
  out.align(4096).skip(4096);
  return {
    bytes: out.toBytes(),
    exported: [...at].map(([name, position]) => `SYMBOL(${name})=${(vaddr + BigInt(position)).toString(16)}`),
  };
}

/** Token numbers of a text: the first long token that fits, else the character itself. */
function compress(text: string): number[] {
  const codes: number[] = [];
  for (let at = 0; at < text.length; ) {
    const long = Object.entries(LONG_TOKENS).find(([, token]) => text.startsWith(token, at));
    codes.push(long === undefined ? text.charCodeAt(at) : Number(long[0]));
    at += long?.[1].length ?? 1;
  }
  return codes;
}
