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

/** What a dump's page tables have. */
export interface MachineFrames {
  /** The addresses of the host's memory that a paravirtualised Xen domain's page tables have, and what they stand for: `source` is physical. Absent: they have physical ones. */
  readonly frames?: Extents;
}

/** What a file says of itself apart from its memory. */
export interface DumpHeader {
  /** In words, for people: "ELF64 vmcore, little endian". */
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
  /** Version of a kdump header, 1 to 6. */
  readonly headerVersion: number | undefined;
  /** Number of files of a split set; 1 otherwise. */
  readonly parts: number;
  /** Codecs that a kdump header's status names; each page has its own. */
  readonly codecs: readonly string[];
  /** Written by a tool that ran out of space. */
  readonly incomplete: boolean;
  /** Struct pages of dropped pages were left out (`-e`), as a kdump header says. */
  readonly lacksStructPages?: boolean;
  /** Level that the dump was filtered with already; 0 for all but kdump. */
  readonly dumpLevel: number;
  readonly utsname: Utsname | undefined;
  /** Seconds since 1970. */
  readonly timestamp: number | undefined;
  /** CPUs by the header, or by the PRSTATUS notes. */
  readonly cpus: number;
  /** As the header has it; QEMU writes it wrong under KASLR, so VMCOREINFO goes first. */
  readonly physBase: bigint | undefined;
}

/** A VMCOREINFO text of the file or of its memory, and what came of trying it. */
export interface FoundVmcoreinfo {
  /** Physical address in bytes; `undefined` of the file's own notes. */
  readonly paddr: number | undefined;
  /** Which of the file's own VMCOREINFO notes it is, from 1; `undefined` of texts in memory. */
  readonly note: number | undefined;
  readonly release: string;
  /** Seconds since 1970; only texts written at a crash have it. */
  readonly crashTime: number | undefined;
  /** Of a text in memory: is it in an ELF note? */
  readonly inNote: boolean;
  /** Pages that its kernel has struct pages for; `undefined` if it leads to no kernel in this memory. */
  readonly pages: number | undefined;
  /** Why it leads to none, or what in memory speaks against it. */
  readonly reason: string | undefined;
  /** The same for all copies of one kernel's text. */
  readonly kernel: string;
}

/** What was said of a dump's files when they were opened: a record of a run has it. */
export interface OpenedAs {
  /** Damage was passed over. */
  readonly salvage: boolean;
  /** Bare memory: `auto`, or the physical addresses of its pieces in hexadecimal digits, as FROM or FROM-END. */
  readonly raw?: string;
  /** The machine's architecture, where it was named. */
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
  /** Nothing in the file tells the machine, and nobody said it: `machine` is the usual one (memory images). */
  readonly machineGuessed?: boolean;
  /** Bytes of a page of the kernel. */
  readonly pageSize: number;
  /** One more than the highest pfn. */
  readonly maxMapnr: number;
  /** The note area, byte for byte. */
  readonly noteArea: Uint8Array;
  readonly notes: readonly Note[];
  readonly vmcoreinfo: Vmcoreinfo | undefined;
  /** Physical address where `vmcoreinfo` was found in memory; `undefined` when a note or a header has it. */
  readonly vmcoreinfoAddress?: number;
  /** All notes and texts found, the one taken first, then by how likely they are; `undefined` if the file's one note was believed. */
  readonly vmcoreinfoFound?: readonly FoundVmcoreinfo[];
  /** What earlier filterings erased, as text lines. */
  readonly eraseinfo: Uint8Array | undefined;
  readonly memory: PhysicalMemory;
  /** Physical ranges that exist, in bytes: ascending, disjoint, neighbours joined. */
  readonly ranges: readonly PhysicalRange[];
  /** Closes the files. The image must not be used afterwards. */
  close(): void;
}
