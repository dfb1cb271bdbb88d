import type { Machine } from "../reader/machine.js";
import type { Utsname } from "../reader/utsname.js";

/** What an output says about its dump, in any format. */
export interface DumpFacts {
  readonly machine: Machine;
  readonly pageSize: number;
  /** One more than the highest pfn. */
  readonly maxMapnr: number;
  /** The page that bit 0 of a kdump file's bitmaps stands for: 0, except for 32-bit ARM. A multiple of 8. */
  readonly firstPfn: number;
  readonly utsname: Utsname;
  /** Seconds since 1970; 0 if not known. */
  readonly timestamp: number;
  readonly cpus: number;
  readonly physBase: bigint;
  /** Level by which pages were dropped, combined over all filter runs. */
  readonly dumpLevel: number;
  /** The note area, byte for byte as in the input. */
  readonly noteArea: Uint8Array;
  /** Offset and size of VMCOREINFO's text in the note area. */
  readonly vmcoreinfo: { readonly offset: number; readonly size: number } | undefined;
  readonly eraseinfo: Uint8Array | undefined;
  /** Whether pages that should be there are missing. */
  readonly incomplete: boolean;
}
