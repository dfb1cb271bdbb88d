/**
 * BTF as in the kernel's Documentation/bpf/btf.rst and its user-space header: kinds, and how many bytes follow the 12
 * bytes that every type has.
 */
export const BTF_KIND = {
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const;

export const BTF_MAGIC = 0xeb9f;
/** Magic, version, flags, header length, and offset and length of types and strings. */
export const BTF_HEADER_SIZE = 24;
/** name_off, info, and size or type. */
export const TYPE_SIZE = 12;
/** KSYM_NAME_LEN of the kernel since 6.1: a longer string is not an identifier, and is cut off here. */
export const MAX_NAME = 512;

/**
 * Bytes behind the common part: a fixed number, plus some for each element (`vlen`). `undefined` for kinds that are not
 * known.
 */
export function extraBytes(kind: number, vlen: number): number | undefined {
  switch (kind) {
    case BTF_KIND.INT:
    case BTF_KIND.VAR:
    case BTF_KIND.DECL_TAG:
      return 4;
    case BTF_KIND.ARRAY:
      return 12;
    case BTF_KIND.STRUCT:
    case BTF_KIND.UNION:
    case BTF_KIND.DATASEC:
    case BTF_KIND.ENUM64:
      return 12 * vlen;
    case BTF_KIND.ENUM:
    case BTF_KIND.FUNC_PROTO:
      return 8 * vlen;
    case BTF_KIND.PTR:
    case BTF_KIND.FWD:
    case BTF_KIND.TYPEDEF:
    case BTF_KIND.VOLATILE:
    case BTF_KIND.CONST:
    case BTF_KIND.RESTRICT:
    case BTF_KIND.FUNC:
    case BTF_KIND.FLOAT:
    case BTF_KIND.TYPE_TAG:
      return 0;
    default:
      return undefined;
  }
}
