import { DumpError } from "../../errors.js";
import type { PathStep, Place } from "./erase-rule.js";

const NAME = /[A-Za-z_$][\w$]*/y;
const ADDRESS = /0[xX][0-9a-fA-F]{1,16}/y;
const NUMBER = /0[xX][0-9a-fA-F]{1,16}|\d{1,18}/y;
/** The most steps: no kernel nests deeper. */
const MAX_STEPS = 64;

/** Reads one line of a rules file from left to right. Errors say where, what was found and what was expected. */
export class LineScanner {
  #at = 0;

  /** `where` is the file and the line: "rules:3". */
  constructor(
    private readonly text: string,
    private readonly where: string,
  ) {
    this.#skip();
  }

  get ended(): boolean {
    return this.#at >= this.text.length;
  }

  /** Number of characters read, without trailing blanks. */
  get position(): number {
    return this.text.slice(0, this.#at).trimEnd().length;
  }

  /** The error for anything but `what` at this position. */
  expected(what: string, cure = "docs/erase.md shows how rules are written"): DumpError {
    const rest = this.text.slice(this.#at);
    const found =
      rest === "" ? "the end of the line" : JSON.stringify(rest.length > 40 ? `${rest.slice(0, 40)}…` : rest);
    return new DumpError("BAD_OPTION", `found ${found}, expected ${what}`, { file: this.where, cure });
  }

  /** Reads a word, if it is here. */
  word(word: string): boolean {
    const end = this.#at + word.length;
    if (!this.text.startsWith(word, this.#at) || /[\w$.]/.test(this.text[end] ?? "")) return false;
    this.#at = end;
    this.#skip();
    return true;
  }

  /** Reads a sign, if it is here. */
  sign(sign: string): boolean {
    if (!this.text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    this.#skip();
    return true;
  }

  name(what: string): string {
    const name = this.#take(NAME);
    if (name === undefined) throw this.expected(what);
    this.#skip();
    return name;
  }

  /** A number, decimal or hexadecimal. */
  number(what: string): bigint {
    const found = this.#take(NUMBER);
    if (found === undefined || /[\w$]/.test(this.text[this.#at] ?? "")) throw this.expected(what);
    this.#skip();
    return BigInt(found);
  }

  /** Whether a number is here. */
  get atNumber(): boolean {
    return /\d/.test(this.text[this.#at] ?? "");
  }

  /** Whether steps from an element are here. */
  get atElement(): boolean {
    return this.text[this.#at] === "." || this.text[this.#at] === "{";
  }

  /** Reads a number of bytes, optionally with K or M. */
  size(most: number): number {
    const what = `a size: a number of bytes up to ${most}, also with K or M`;
    const start = this.#at;
    const found = this.#take(NUMBER);
    const unit = /[kKmM]/.exec(this.text[this.#at] ?? "")?.[0].toUpperCase();
    if (unit !== undefined) this.#at++;
    const value = Number(found ?? Number.NaN) * (unit === "M" ? 2 ** 20 : unit === "K" ? 1024 : 1);
    if (!(value >= 1 && value <= most) || /[\w$]/.test(this.text[this.#at] ?? "")) {
      this.#at = start;
      throw this.expected(what);
    }
    this.#skip();
    return value;
  }

  /** Reads a word of any characters but blanks, or a text in double quotes. */
  free(what: string): string {
    const found = this.#take(/"[^"]+"|[^\s"]+/y);
    if (found === undefined) throw this.expected(what);
    this.#skip();
    return found.startsWith('"') ? found.slice(1, -1) : found;
  }

  /** Reads a text in double quotes, if it is here. */
  quoted(): string | undefined {
    const found = this.#take(/"[^"]*"/y);
    this.#skip();
    return found?.slice(1, -1);
  }

  /** Reads a symbol or address with the steps behind it: "init_uts_ns{uts_namespace}.name.nodename". */
  place(what: string): Place {
    const start = this.#at;
    const root = this.#take(ADDRESS) ?? this.#take(NAME);
    if (root === undefined) throw this.expected(what);
    return this.#placeFrom(start, root);
  }

  /** Reads steps from an element: ".payload.data[0]". */
  elementPlace(what: string): Place {
    if (!this.atElement) throw this.expected(what);
    return this.#placeFrom(this.#at, undefined);
  }

  #placeFrom(start: number, root: string | undefined): Place {
    const steps: PathStep[] = [];
    for (let step = this.#step(); step !== undefined; step = this.#step()) {
      if (steps.length === MAX_STEPS) throw this.expected(`at most ${MAX_STEPS} steps from one value to the next`);
      steps.push(step);
    }
    const text = this.text.slice(start, this.#at);
    if (!this.ended && !/\s/.test(this.text[this.#at] ?? "")) {
      throw this.expected(".MEMBER, [N], [*], {TYPE} or a blank");
    }
    this.#skip();
    return { root, steps, text };
  }

  #step(): PathStep | undefined {
    if (this.#take(/\.|->/y) !== undefined) {
      const name = this.#take(NAME);
      if (name === undefined) throw this.expected("a member's name");
      return { kind: "member", name };
    }
    const index = this.#take(/\[(?:\*|\d{1,9})\]/y);
    if (index !== undefined)
      return index === "[*]" ? { kind: "all" } : { kind: "index", index: Number(index.slice(1, -1)) };
    const type = this.#take(/\{[\w$ ]+[ *]*(?:\[\d{1,9}\])?\}/y);
    return type === undefined ? undefined : { kind: "type", type: type.slice(1, -1).trim() };
  }

  #take(pattern: RegExp): string | undefined {
    const sticky = new RegExp(pattern.source, "y");
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #skip(): void {
    this.#take(/\s+/y);
  }
}
