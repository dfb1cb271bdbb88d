import type { LongWork } from "../long-work.js";
import type { Warnings } from "../warnings.js";
import type { Dump } from "./dump.js";
import type { Machine } from "./machine.js";
import type { FileHandle } from "./source/byte-source.js";
import type { SourceImage } from "./source/source-image.js";

/** Bytes at the beginning of a file that decide its format. */
export const HEAD_SIZE = 16;

/** How to open a dump, whatever its format. */
export interface FormatOptions {
  /** The machine that the user named; only formats with `takesMachine` get it. */
  readonly machine: Machine | undefined;
  readonly salvage: boolean;
  /** The name of the saved machine to take, if a disk image has several. */
  readonly snapshot?: string | undefined;
  readonly warnings: Warnings;
  /** Opens a file in the same folder as a named one. Throws what `openFile` throws. */
  readonly openFile: (path: string) => FileHandle;
}

/** Formats whose readers are loaded only when an input has one of them (`further-formats.ts`). */
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

/**
 * Opens the dump in these files; the first one is of the format. The dump closes all of them. Throws what the format's
 * reader throws.
 */
export type OpenFormat = (images: readonly SourceImage[], options: FormatOptions) => Dump | Opening;

/** One format of dump files: a row of the table. */
export interface Format {
  /** Its name in messages: "an ELF vmcore". */
  readonly name: string;
  /** Whether a file has this format. `head` has `HEAD_SIZE` bytes, or all of a shorter file. */
  recognises(head: Uint8Array, file: { readonly path: string }): boolean;
  /** Whether the file does not name its machine, so that `--arch` may. */
  readonly takesMachine?: boolean;
  /**
   * How many files make a dump: `"split set"`: one or more of the same format; `"with memory"`: this file, and another
   * one that has the memory and no header. Default: one.
   */
  readonly files?: "split set" | "with memory";
  /** Its reader, or the name of one of the further readers. */
  readonly open: OpenFormat | FurtherFormat;
}

/** A dump that is being opened. Only files that the caller opened are open at each yield. */
export type Opening = LongWork<Dump>;

/** Turns the result of a format's reader into an `Opening`, if it is not one. */
export function* opened(found: Dump | Opening): Opening {
  return Symbol.iterator in found ? yield* found : found;
}
