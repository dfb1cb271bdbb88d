import type { PageBitmap } from "../../reader/bitmap.js";
import type { Machine } from "../../reader/machine.js";
import type { PageBytes } from "../../reader/page-bytes.js";
import type { Utsname } from "../../reader/utsname.js";

/** What the threads need to run an extension, as plain data. */
export interface ExtensionContext {
  /** Its file URL. */
  readonly url: string;
  /** Its file as it was named. */
  readonly name: string;
  readonly settings: unknown;
  /** Bitmap of the pages that the dump has; shared memory. */
  readonly present: PageBitmap;
  /** Class of each page; shared memory. */
  readonly classes: PageBytes;
  /** Nothing may be kept that the level drops. */
  readonly privacy: boolean;
  /** What the kernel is read by; `undefined` if it was not found. */
  readonly kernel: ExtensionKernel | undefined;
}

/** A kernel as plain data; the rest is in `ScanContext`. */
export interface ExtensionKernel {
  readonly utsname: Utsname;
  readonly vmcoreinfo: string;
  readonly machine: Machine;
  readonly lowestAddress: bigint;
  readonly vmlinux: string | undefined;
}
