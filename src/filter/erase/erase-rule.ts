import type { Pattern } from "../text/parse-pattern.js";

/**
 * A step from one value to another: a member (pointers are followed), an element, all elements, or a type as which to
 * treat it.
 */
export type PathStep =
  | { readonly kind: "member"; readonly name: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "all" }
  | { readonly kind: "type"; readonly type: string };

/**
 * Where data are, starting from a symbol (or address) or, without a root, from the current element of the rule's loop.
 */
export interface Place {
  readonly root: string | undefined;
  readonly steps: readonly PathStep[];
  /** As written in the file. */
  readonly text: string;
}

/** What a rule loops over. */
export type Loop =
  /**
   * The structs of a `list_head` list. `through` is the member that links them; its default is the name of the head.
   */
  | { readonly kind: "list"; readonly head: Place; readonly type: string; readonly through: string | undefined }
  /** Structs that point to the next one. `type`: of the structs, if it is not that of the first. */
  | { readonly kind: "chain"; readonly first: Place; readonly type: string | undefined; readonly through: string }
  | { readonly kind: "array"; readonly place: Place }
  /** Objects of a slab cache, in use or free. */
  | { readonly kind: "slab"; readonly cache: string; readonly type: string };

/** Selects the elements for which this place has this value. */
export interface Condition {
  readonly place: Place;
  /** A number, a text, or a symbol's address. */
  readonly value: { readonly number: bigint } | { readonly text: string } | { readonly symbol: string };
}

/** A text that is overwritten wherever it is found in a kept page. */
export type TextTarget =
  /** Searched for in UTF-8 and UTF-16. */
  | { readonly kind: "text"; readonly text: string }
  /** Searched for as they are. */
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
      /** Number of bytes, or the place of that number in the dump; `undefined`: the size of the type. */
      readonly size: number | Place | undefined;
      /** Whether the pointer itself becomes 0. */
      readonly nullify: boolean;
      /** The most characters of a text behind a pointer. */
      readonly maxText: number;
    };

/** One rule of a file. */
export interface EraseRule {
  /** Line in the file, from 1. */
  readonly line: number;
  /**
   * As written in the file. For a text, bytes and a pattern only their kind and the line, because reports are also for
   * others.
   */
  readonly text: string;
  /** The name of the erased data in eraseinfo, without the size. */
  readonly name: string;
  /** Whether it may find nothing in a dump without an error. */
  readonly optional: boolean;
  readonly target: Target;
}

/** The most rules of a file: more than anyone writes, but `audit --rules` writes one for each place. */
export const MAX_ERASE_RULES = 200_000;

/** The most bytes of one piece of memory in a rule. */
export const MAX_SIZE = 2 ** 40;

export function isTextTarget(target: Target): target is TextTarget {
  return ["text", "bytes", "pattern", "class"].includes(target.kind);
}
