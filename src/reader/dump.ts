import type { ElfImage } from "./elf/image.js";
import type { Extents } from "./extents.js";
import type { KdumpImage } from "./kdump/image.js";
import type { Machine } from "./machine.js";
import type { Note } from "./notes.js";
import type { PagedImage } from "./paged/image.js";
import type { PhysicalMemory, PhysicalRange } from "./physical-memory.js";
import type { RawImage } from "./raw/image.js";
import type { Utsname } from "./utsname.js";
import type { Vmcoreinfo } from "./vmcoreinfo.js";

/**
 * An opened dump as plain data: headers parsed, tables in shared memory. It can be sent to a worker, which reads the
 * same files through it (`attachMemory`) without parsing anything again.
 */
export type DumpImage = (ElfImage | KdumpImage | PagedImage | RawImage) & MachineFrames;

/** How addresses in a dump's page tables are translated. */
export interface MachineFrames {
  /**
   * The page tables of a paravirtualised Xen domain have addresses of the host's memory: these extents translate them
   * to physical ones (`source`). Absent: page tables have physical addresses.
   */
  readonly frames?: Extents;
}

/** What a file says about itself, apart from its memory. */
export interface DumpHeader {
  /** For people: "ELF64 vmcore, little endian". */
  readonly description: string;
  readonly format:
    | "elf"
    | "kdump"
    | "raw"
    | "lime"
    | "avml"
    | "vmware"
    | "firecracker"
    | "cloud-hypervisor"
    | "qemu-migration"
    | "xen"
    | "s390"
    | "sadump"
    | "lkcd";
  readonly flattened: boolean;
  /** Whether the input was packed or in an archive: sizes are those of its content. */
  readonly unpacked?: boolean;
  /** Version of a kdump header, 1 to 6. */
  readonly headerVersion: number | undefined;
  /** Number of files of a split set; 1 otherwise. */
  readonly parts: number;
  /** Codecs that a kdump header's status names; each page has its own. */
  readonly codecs: readonly string[];
  /** Whether the tool that wrote it ran out of space. */
  readonly incomplete: boolean;
  /** Whether a kdump header says that struct pages of dropped pages were left out (`-e`). */
  readonly lacksStructPages?: boolean;
  /** Level that the dump has already been filtered with; 0 for all formats but kdump. */
  readonly dumpLevel: number;
  readonly utsname: Utsname | undefined;
  /** Seconds since 1970. */
  readonly timestamp: number | undefined;
  /** Number of CPUs according to the header or the PRSTATUS notes. */
  readonly cpus: number;
  /** The value in the header. QEMU writes a wrong one under KASLR, so VMCOREINFO's is preferred. */
  readonly physBase: bigint | undefined;
}

/** A VMCOREINFO text of the file or of its memory, and the result of trying it. */
export interface FoundVmcoreinfo {
  /** Physical address in bytes; `undefined` for the file's own notes. */
  readonly paddr: number | undefined;
  /** Number of the file's own VMCOREINFO note, from 1; `undefined` for texts in memory. */
  readonly note: number | undefined;
  readonly release: string;
  /** Seconds since 1970; only texts written at a crash have it. */
  readonly crashTime: number | undefined;
  /** Whether a text in memory is in an ELF note. */
  readonly inNote: boolean;
  /** Pages that its kernel has struct pages for; `undefined` if it leads to no kernel in this memory. */
  readonly pages: number | undefined;
  /** Why it leads to no kernel, or how memory contradicts it. */
  readonly reason: string | undefined;
  /** Identifies a kernel: the same for all copies of its text. */
  readonly kernel: string;
}

/** The options with which a dump's files were opened; the record of a run contains them. */
export interface OpenedAs {
  /** Whether damage was skipped. */
  readonly salvage: boolean;
  /** For bare memory: `auto`, or the physical addresses of its pieces in hexadecimal digits, as FROM or FROM-END. */
  readonly raw?: string;
  /** The machine's architecture, if the user named it. */
  readonly arch?: string;
  readonly snapshot?: string;
}

/** An opened dump of any format. */
export interface Dump {
  /** The input files as the user named them. */
  readonly paths: readonly string[];
  /** Bytes of all input files. */
  readonly fileSize: number;
  /** @internal The dump for worker threads. */
  readonly image: DumpImage;
  readonly header: DumpHeader;
  readonly opened?: OpenedAs;
  readonly machine: Machine;
  /**
   * Whether the machine is not known: neither the file nor the user names it, and `machine` is the usual one (memory
   * images).
   */
  readonly machineGuessed?: boolean;
  /** Bytes of a page of the kernel. */
  readonly pageSize: number;
  /** One more than the highest pfn. */
  readonly maxMapnr: number;
  /** The note area, byte for byte. */
  readonly noteArea: Uint8Array;
  readonly notes: readonly Note[];
  readonly vmcoreinfo: Vmcoreinfo | undefined;
  /** Physical address where `vmcoreinfo` was found in memory; `undefined` if it comes from a note or a header. */
  readonly vmcoreinfoAddress?: number;
  /**
   * All notes and texts that were found: the one that is used first, then by likelihood. `undefined` if the file has
   * one note and it was believed.
   */
  readonly vmcoreinfoFound?: readonly FoundVmcoreinfo[];
  /** Present if none was used and memory was not searched to its end: how far it was, and why. */
  readonly searchEnded?: string;
  /** Text lines about what earlier filter runs erased. */
  readonly eraseinfo: Uint8Array | undefined;
  readonly memory: PhysicalMemory;
  /** Physical ranges that exist, in bytes: ascending, disjoint, neighbours joined. */
  readonly ranges: readonly PhysicalRange[];
  /** Closes the files. The image must not be used afterwards. */
  close(): void;
}
