import type { PageBitmap } from "../../reader/bitmap.js";
import type { Machine } from "../../reader/machine.js";
import type { PageBytes } from "../../reader/page-bytes.js";
import type { SourceImage } from "../../reader/source/source-image.js";
import type { Utsname } from "../../reader/utsname.js";

export const CURE = "docs/library.md says what an extension is";

/** What the threads need to run an extension, as plain data. */
export interface ExtensionContext {
  /** Its file URL. */
  readonly url: string;
  /** Its file name, as the user gave it. */
  readonly name: string;
  readonly settings: unknown;
  /** Bitmap of the pages that the dump has; shared memory. */
  readonly present: PageBitmap;
  /** Class of each page; shared memory. */
  readonly classes: PageBytes;
  /** Whether pages that the level drops must not be kept. */
  readonly privacy: boolean;
  /** What is needed to read the kernel; `undefined` if the kernel was not found. */
  readonly kernel: ExtensionKernel | undefined;
}

/** A kernel as plain data; the rest is in `ScanContext`. */
export interface ExtensionKernel {
  readonly utsname: Utsname;
  readonly vmcoreinfo: string;
  readonly machine: Machine;
  readonly lowestAddress: bigint;
  /** A path, which each thread opens, or a file that is open. */
  readonly vmlinux: string | SourceImage | undefined;
}
