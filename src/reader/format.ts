import type { Warnings } from "../warnings.js";
import type { Dump } from "./dump.js";
import type { Machine } from "./machine.js";
import type { Opening } from "./opening.js";
import type { FileHandle } from "./source/byte-source.js";
import type { SourceImage } from "./source/source-image.js";

/** Bytes at the beginning that tell what a file is. */
export const HEAD_SIZE = 16;

/** How a dump is opened, whatever it is. */
export interface FormatOptions {
  /** By the user; only formats with `takesMachine` are given one. */
  readonly machine: Machine | undefined;
  readonly salvage: boolean;
  /** The saved machine to take, of several in a disk image: its name. */
  readonly snapshot?: string | undefined;
  readonly warnings: Warnings;
  /** Opens a file beside one that was named. Throws what `openFile` does. */
  readonly openFile: (path: string) => FileHandle;
}

/** Formats whose readers are loaded when an input is of one of them (`further-formats.ts`). */
export type FurtherFormat =
  | "ranges"
  | "s390"
  | "lkcd"
  | "sadump"
  | "vmwareState"
  | "vmwareGuest"
  | "firecracker"
  | "cloudHypervisor"
  | "migration"
  | "libvirtSave"
  | "qcow2";

/** Opens what is in these files. The first is of the format; the dump closes them all. Throws as the format's reader does. */
export type OpenFormat = (images: readonly SourceImage[], options: FormatOptions) => Dump | Opening;

/** One format of dump files: a row of the table. */
export interface Format {
  /** In messages: "an ELF vmcore". */
  readonly name: string;
  /** Whether a file is of it. `head` has `HEAD_SIZE` bytes, or all of a shorter file. */
  recognises(head: Uint8Array, file: { readonly path: string }): boolean;
  /** Does not say itself of which machine it is, so `--arch` may. */
  readonly takesMachine?: boolean;
  /** How many files make a dump of it; `"split set"`: one or more of the same format; `"with memory"`: with another file that has the memory, and no head. Default: one. */
  readonly files?: "split set" | "with memory";
  /** Its reader, or the name of one of the further ones. */
  readonly open: OpenFormat | FurtherFormat;
}
