/** A pointer or array type, taken apart by its text in C. */
export interface CType {
  /** For a pointer: the type to which it points, in C's words. */
  readonly target: string | undefined;
  /** For an array: the type of its elements, and their number. */
  readonly element: string | undefined;
  readonly count: number | undefined;
}

/** Parses types like "struct page *", "char[16]", "int[5][6]". */
export function cType(text: string): CType {
  const plain = text.replace(/(?:\s+(?:const|volatile))+$/, "").trim();
  if (plain.endsWith("*")) {
    return { target: unqualified(plain.slice(0, -1)), element: undefined, count: undefined };
  }
  const [, before = "", count, after = ""] = /^([^[(]*)\[(\d+)\]((?:\[\d+\])*)$/.exec(plain) ?? [];
  if (count === undefined) return { target: undefined, element: undefined, count: undefined };
  return { target: undefined, element: `${before}${after}`.trim(), count: Number(count) };
}

/** Without const and volatile in front. */
export function unqualified(text: string): string {
  return text.trim().replace(/^(?:(?:const|volatile)\s+)+/, "");
}

/** Whether a type is one of C's character types: a pointer to it is a text. */
export function isCharacter(text: string): boolean {
  return /^(?:(?:un)?signed )?char$/.test(unqualified(text));
}
