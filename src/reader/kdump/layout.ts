/** Offsets in bytes of the kdump-compressed headers (diskdump format), for each ABI that writes them. */
export interface KdumpHeaderFields {
  readonly word: 4 | 8;
  /** disk_dump_header. */
  readonly header: Readonly<typeof HEADER32>;
  /** kdump_sub_header, which starts at the second block. */
  readonly sub: Readonly<typeof SUB32>;
}

const HEADER32 = {
  timestamp: 404,
  status: 412,
  blockSize: 416,
  subHeaderBlocks: 420,
  bitmapBlocks: 424,
  maxMapnr: 428,
  cpus: 448,
  size: 452,
};

const SUB32 = {
  physBase: 0,
  dumpLevel: 4,
  split: 8,
  startPfn: 12,
  endPfn: 16,
  offsetVmcoreinfo: 20,
  sizeVmcoreinfo: 28,
  offsetNote: 32,
  sizeNote: 40,
  offsetEraseinfo: 44,
  sizeEraseinfo: 52,
  startPfn64: 56,
  endPfn64: 64,
  maxMapnr64: 72,
  size: 80,
};

export const KDUMP64: KdumpHeaderFields = {
  word: 8,
  header: {
    timestamp: 408,
    status: 424,
    blockSize: 428,
    subHeaderBlocks: 432,
    bitmapBlocks: 436,
    maxMapnr: 440,
    cpus: 460,
    size: 464,
  },
  sub: {
    physBase: 0,
    dumpLevel: 8,
    split: 12,
    startPfn: 16,
    endPfn: 24,
    offsetVmcoreinfo: 32,
    sizeVmcoreinfo: 40,
    offsetNote: 48,
    sizeNote: 56,
    offsetEraseinfo: 64,
    sizeEraseinfo: 72,
    startPfn64: 80,
    endPfn64: 88,
    maxMapnr64: 96,
    size: 104,
  },
};

/** i386 aligns 64-bit members to 4 bytes. QEMU writes all 32-bit headers this way. */
export const KDUMP32_PACKED: KdumpHeaderFields = { word: 4, header: HEADER32, sub: SUB32 };

/** The other 32-bit machines align 64-bit members to 8 bytes. */
export const KDUMP32_PADDED: KdumpHeaderFields = {
  word: 4,
  header: HEADER32,
  sub: {
    physBase: 0,
    dumpLevel: 4,
    split: 8,
    startPfn: 12,
    endPfn: 16,
    offsetVmcoreinfo: 24,
    sizeVmcoreinfo: 32,
    offsetNote: 40,
    sizeNote: 48,
    offsetEraseinfo: 56,
    sizeEraseinfo: 64,
    startPfn64: 72,
    endPfn64: 80,
    maxMapnr64: 88,
    size: 96,
  },
};

export const KDUMP_SIGNATURE = "KDUMP   ";
/** That of diskdump, which came before kdump (kernels 2.4 and 2.6 of Red Hat). */
export const DISKDUMP_SIGNATURE = "DISKDUMP";
/** Where the six texts of the utsname start. */
export const UTSNAME_OFFSET = 12;
/** A page descriptor: offset i64, size u32, flags u32, page_flags u64. */
export const PAGE_DESC_SIZE = 24;

/** Status bit: the writer ran out of space; a descriptor with offset 0 has no page. */
export const STATUS_INCOMPLETE = 8;
/** Status bits of diskdump: begun and not ended, within the pages, no more room. */
export const DISKDUMP_INCOMPLETE = 1 | 2 | 4;
/** Status bit of diskdump: pages are packed. */
export const DISKDUMP_PACKED = 8;
/** Status bit: struct pages of dropped pages were left out (makedumpfile's `-e`). */
export const STATUS_NO_VMEMMAP = 0x10;
