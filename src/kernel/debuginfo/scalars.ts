import type { KernelScalar } from "./kernel-types.js";

/** The form of a type, from a source of types. Typedefs and qualifiers are resolved. */
export type TypeForm<T> =
  | { readonly kind: "integer" | "pointer"; readonly size: number }
  | { readonly kind: "array"; readonly element: T; readonly count: number }
  | { readonly kind: "compound"; readonly size: number; readonly members: readonly TypeMember<T>[] };

/** A member with its offset. A bit field counts as the bytes of its unit. */
export interface TypeMember<T> {
  readonly name: string;
  readonly type: T;
  /** Bytes from the start of its struct. */
  readonly offset: number;
  /** Only for a bit field: the bytes of its unit. */
  readonly size?: number;
}

/** No type of C nests deeper. */
const MAX_DEPTH = 32;
/** struct rq has some 1,000 scalars; struct pglist_data has 10,000 on machines with the counters of many zones. */
const MAX_SCALARS = 1 << 17;

/**
 * The scalars of a type, including those of its members' members and of arrays' elements, in the order of their
 * declaration (members of a union one after the other). `undefined` for a type that is not completely known, or is
 * larger than any of the kernel's.
 */
export function flattenType<T>(start: T, formOf: (type: T) => TypeForm<T> | undefined): KernelScalar[] | undefined {
  const found: KernelScalar[] = [];
  const visit = (type: T, base: number, name: string, depth: number): boolean => {
    const form = depth > MAX_DEPTH ? undefined : formOf(type);
    if (form === undefined || found.length > MAX_SCALARS) return false;
    if (form.kind === "compound") {
      return form.members.every((member) => {
        const path = member.name === "" ? name : name === "" ? member.name : `${name}.${member.name}`;
        if (member.size === undefined) return visit(member.type, base + member.offset, path, depth + 1);
        found.push({ name: path, offset: base + member.offset, size: member.size, count: 1, kind: "integer" });
        return true;
      });
    }
    if (form.kind !== "array") {
      found.push({ name, offset: base, size: form.size, count: 1, kind: form.kind });
      return true;
    }
    const element = formOf(form.element);
    if (element === undefined) return false;
    if (element.kind === "integer" || element.kind === "pointer") {
      // The element count of a flexible array is not known.
      found.push({ name, offset: base, size: element.size, count: form.count, kind: element.kind });
      return true;
    }
    if (form.count === 0) return true;
    const first = found.length;
    if (!visit(form.element, base, `${name}[]`, depth + 1)) return false;
    const one = found.slice(first);
    const stride = strideOf(form.element, formOf, depth + 1);
    if (stride === undefined || one.length * form.count > MAX_SCALARS) return false;
    for (let i = 1; i < form.count; i++) {
      for (const scalar of one) found.push({ ...scalar, offset: scalar.offset + i * stride });
    }
    return true;
  };
  return visit(start, 0, "", 0) ? found : undefined;
}

function strideOf<T>(type: T, formOf: (type: T) => TypeForm<T> | undefined, depth: number): number | undefined {
  const form = depth > MAX_DEPTH ? undefined : formOf(type);
  if (form === undefined) return undefined;
  if (form.kind === "array") {
    const element = strideOf(form.element, formOf, depth + 1);
    return element === undefined ? undefined : element * form.count;
  }
  return form.size;
}
