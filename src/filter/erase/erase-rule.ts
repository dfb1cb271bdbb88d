import type { Pattern } from "../text/parse-pattern.js";

/** One step from a value to another: a member (pointers are followed), an element, all elements, or a type to see it as. */
export type PathStep =
  | { readonly kind: "member"; readonly name: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "all" }
  | { readonly kind: "type"; readonly type: string };

/** Where data are: from a symbol (or address), or, without a root, from the element that a rule is at. */
export interface Place {
  readonly root: string | undefined;
  readonly steps: readonly PathStep[];
  /** As written. */
  readonly text: string;
}

/** What a rule goes through, element by element. */
export type Loop =
  /** The structs of a `list_head` list. `through` is the member that links them; its default is the head's own name. */
  | { readonly kind: "list"; readonly head: Place; readonly type: string; readonly through: string | undefined }
  /** Structs that point to the next one. `type`: of the structs, where it is not that of the first. */
  | { readonly kind: "chain"; readonly first: Place; readonly type: string | undefined; readonly through: string }
  | { readonly kind: "array"; readonly place: Place }
  /** Objects of a slab cache, in use or free. */
  | { readonly kind: "slab"; readonly cache: string; readonly type: string };

/** Only elements at which this place has this value. */
export interface Condition {
  readonly place: Place;
  /** A number, a text, or a symbol's address. */
  readonly value: { readonly number: bigint } | { readonly text: string } | { readonly symbol: string };
}

/** A text that is overwritten wherever it is found in a kept page. */
export type TextTarget =
  /** Searched in UTF-8 and UTF-16. */
  | { readonly kind: "text"; readonly text: string }
  /** Searched as they are. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "pattern"; readonly pattern: Pattern }
  /** A name of `CLASS_NAMES`. */
  | { readonly kind: "class"; readonly name: string };

/** What a rule overwrites. */
export type Target =
  | TextTarget
  /** Physical addresses [start, start + length). */
  | { readonly kind: "physical"; readonly start: number; readonly length: number }
  /** Whole objects of a slab cache. */
  | { readonly kind: "slab"; readonly cache: string }
  | {
      readonly kind: "place";
      readonly place: Place;
      readonly loop: Loop | undefined;
      readonly where: Condition | undefined;
      /** Bytes, or where in the dump that number is; `undefined`: as large as the type. */
      readonly size: number | Place | undefined;
      /** The pointer itself becomes 0. */
      readonly nullify: boolean;
      /** Most characters of a text behind a pointer. */
      readonly maxText: number;
    };

/** One rule of a file. */
export interface EraseRule {
  /** Counted from 1. */
  readonly line: number;
  /** As written; of a text, bytes and a pattern only that and the line, for reports go to others too. */
  readonly text: string;
  /** What eraseinfo says was erased: without size. */
  readonly name: string;
  /** That it leads to nothing in a dump is no error. */
  readonly optional: boolean;
  readonly target: Target;
}

/** Rules of a file: beyond any that somebody wrote, `audit --rules` writes one for each place. */
export const MAX_ERASE_RULES = 200_000;

/** Most bytes of one piece of memory that a rule names. */
export const MAX_SIZE = 2 ** 40;

export function isTextTarget(target: Target): target is TextTarget {
  return ["text", "bytes", "pattern", "class"].includes(target.kind);
}
