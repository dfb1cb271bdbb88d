import type { Fields } from "./fields.js";

/** `struct new_utsname`: the names of the dumped kernel. */
export interface Utsname {
  readonly sysname: string;
  readonly nodename: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  readonly domainname: string;
}

/** Bytes of each of the six texts, NUL included. */
export const UTS_FIELD_SIZE = 65;
/** Bytes of all six. */
export const UTSNAME_SIZE = 6 * UTS_FIELD_SIZE;

/** Reads the six texts that start at `offset`. */
export function readUtsname(from: Fields, offset: number): Utsname {
  const text = (index: number) => from.text(offset + index * UTS_FIELD_SIZE, UTS_FIELD_SIZE);
  return {
    sysname: text(0),
    nodename: text(1),
    release: text(2),
    version: text(3),
    machine: text(4),
    domainname: text(5),
  };
}
