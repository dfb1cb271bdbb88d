import { either, OPTION, piped } from "../option-words.js";
/**
 * Files that people pass as a dump but that coresieve does not read: what each one is, and what to do. Formats that
 * coresieve reads have no row here. The numbers come from the formats' public headers and documents (rows name a source
 * unless everybody's magic(5) has the numbers).
 */
export interface KnownFile {
  /** Bytes by which the file is recognised: `[offset, bytes]`, the bytes as latin1. All of them must be there. */
  readonly marks: readonly (readonly [at: number, bytes: string])[];
  /** What it is, with its article: "a saved state of VirtualBox". */
  readonly name: string;
  /** Why it is refused, for a file that coresieve reads in another way. Default: "which coresieve does not read". */
  readonly why?: string;
  /** What to do: one sentence without its full stop. */
  readonly cure: string;
}

/** Bytes of a file that may contain marks: the last one is that of btrfs, at 64 KiB and 64 bytes. */
export const KNOWN_HEAD_SIZE = 66 * 1024;

const at0 = (bytes: string, name: string, cure: string): KnownFile => ({ marks: [[0, bytes]], name, cure });

const WINDOWS = "coresieve reads dumps of Linux kernels: open it with WinDbg or volatility";
const XEN_SAVE = "a saved Xen domain (`xl save`)";
const FOR_XEN = "Restore the domain, and make its core: `xl dump-core DOMAIN FILE`";

const FOR_DISKDUMP = "Make a dump of it with `savecore` of diskdumputils, and give that";

const NO_ADDRESSES = "and does not say where it lies";

/** Memory of machines, in formats that coresieve does not read. */
const MEMORY: readonly KnownFile[] = [
  at0("Xen saved domain", XEN_SAVE, FOR_XEN),
  at0("LinuxGuestRecord", XEN_SAVE, FOR_XEN),
  at0("libvirt-xml", XEN_SAVE, FOR_XEN),
  at0("\xff\xff\xff\xff\xff\xff\xff\xffXENF", XEN_SAVE, FOR_XEN),
  {
    // EBCDIC: "SR" at 0, "VMDUMP  " at 56.
    marks: [
      [0, "\xe2\xd9"],
      [56, "\xe5\xd4\xc4\xe4\xd4\xd7\x40\x40"],
    ],
    name: "a z/VM VMDUMP",
    cure: "Receive it with `vmur receive -c`, or convert it with `zgetdump -f elf FILE > vmcore` (s390-tools)",
  },
  {
    // Each of its blocks was formatted with the text "diskdump"; the header is in the second one, of 4 or 16 KiB.
    marks: [[4096, "DISKDUMP"]],
    name: "a copy of diskdump's partition",
    cure: FOR_DISKDUMP,
  },
  { marks: [[16384, "DISKDUMP"]], name: "a copy of diskdump's partition", cure: FOR_DISKDUMP },
  at0("\xdd\xcc\x8b\x9a", "a dump of Mission Critical Linux", "crash opens it"),
  {
    marks: [[4096, "sadump\0\0"]],
    name: "a media backup of sadump",
    cure: "Leave out its first block: `dd if=FILE of=DUMP bs=4096 skip=1`, and give that",
  },
  at0(
    "\x14\x20\x28\x01",
    "a saved state of Hyper-V (.vmrs)",
    "Crash the guest with kdump set up, and take its vmcore: `Debug-VM -Name NAME -InjectNonMaskableInterrupt`",
  ),
  at0(
    "DBSNAP01",
    "a snapshot of Dragonball (Kata Containers)",
    "Crash the guest with kdump set up, and take its vmcore",
  ),
  at0(
    "\x7fVirtualBox SavedState",
    "a saved state of VirtualBox",
    "Make a core of the running machine: `VBoxManage debugvm NAME dumpvmcore --filename FILE`",
  ),
  // Real mode's interrupt table with its BIOS's default handler, f000:ff53: the first bytes of a PC's memory.
  {
    marks: [[0, "\x53\xff\x00\xf0\x53\xff\x00\xf0"]],
    name: "bare memory of a PC, it seems",
    why: NO_ADDRESSES,
    cure: `Let coresieve find that out (${OPTION.rawAuto}), or give the addresses: ${OPTION.rawZero}, ${OPTION.rawRanges}`,
  },
  at0("PAGEDU64", "a Windows crash dump", WINDOWS),
  at0("PAGEDUMP", "a Windows crash dump", WINDOWS),
  at0("MDMP", "a Windows minidump", WINDOWS),
  at0("ZDMP", "a compressed dump of DumpIt for Windows", WINDOWS),
  ...["hibr", "HIBR", "wake", "WAKE"].map((magic) => at0(magic, "a hibernation file of Windows", WINDOWS)),
  // Signatures of kernel/power/swap.c and of the tools that came before it. They are at the end of the first page, of
  // 4, 16 or 64 KiB.
  ...[4096, 16384, 65536].flatMap((page) => [
    ...["S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001"].map(
      (mark): KnownFile => ({
        marks: [[page - 10, mark]],
        name: "a swap area with a hibernation image",
        cure: "Its pages are packed and without addresses: resume the machine, and dump it then",
      }),
    ),
    ...["SWAPSPACE2", "SWAP-SPACE"].map(
      (mark): KnownFile => ({
        marks: [[page - 10, mark]],
        name: "a swap area",
        cure: "It has no memory of the kernel: give the vmcore",
      }),
    ),
  ]),
];

const pipe = (command: string) => `Unpack it through a pipe: ${piped(`${command} FILE`)}`;
const OPEN_INPUT = "Open it with openInput, which unpacks it";
const EXTRACT = "Take the vmcore out of it, and give that";
const FOR_VMLINUX = `It has no memory: give the vmcore, and the vmlinux with ${OPTION.vmlinux}`;

/** Packings, archives and encryptions that a dump may come in. */
const PACKED: readonly KnownFile[] = [
  at0("\x1f\x8b", "packed with gzip", OPEN_INPUT),
  at0("\x28\xb5\x2f\xfd", "packed with zstd", OPEN_INPUT),
  at0("\x04\x22\x4d\x18", "packed with lz4", OPEN_INPUT),
  at0("\x02\x21\x4c\x18", "packed with lz4 in its old form", pipe("lz4 -dc")),
  at0("\xfd7zXZ\0", "packed with xz", OPEN_INPUT),
  ...["1", "2", "3", "4", "5", "6", "7", "8", "9"].map((level) => at0(`BZh${level}`, "packed with bzip2", OPEN_INPUT)),
  at0("\x89LZO\0\r\n\x1a\n", "packed with lzop", pipe("lzop -dc")),
  at0("\x5d\0\0", "packed with lzma", pipe("xz -dc --format=lzma")),
  at0("LZIP", "packed with lzip", pipe("lzip -dc")),
  at0("LRZI", "packed with lrzip", pipe("lrzip -d -o -")),
  at0("\x1f\x9d", "packed with compress (.Z)", pipe("gzip -dc")),
  at0("\xff\x06\0\0sNaPpY", "a stream in snappy's frame format", pipe("snzip -dc")),
  at0("7z\xbc\xaf\x27\x1c", "a 7z archive", pipe("7z x -so")),
  at0("Rar!\x1a\x07", "a rar archive", pipe("unrar p -inul")),
  at0("PK\x03\x04", "a zip archive", OPEN_INPUT),
  at0("PK\x05\x06", "an empty zip archive", EXTRACT),
  at0(
    "sosreport-",
    "a sosreport",
    "A sosreport lists dumps and has none: fetch the vmcore from the machine's /var/crash",
  ),
  { marks: [[257, "ustar"]], name: "a tar archive", cure: OPEN_INPUT },
  ...["070701", "070702", "070707"].map((magic) => at0(magic, "a cpio archive", EXTRACT)),
  at0("!<arch>\n", "an ar archive: a Debian package or a library", FOR_VMLINUX),
  at0("\xed\xab\xee\xdb", "an RPM package", FOR_VMLINUX),
  ...["-----BEGIN PGP MESSAGE", "\x85\x01\x0c\x03", "\x85\x02\x0c\x03", "\x84\x5e\x03"].map((magic) =>
    at0(magic, "encrypted with PGP, it seems", pipe("gpg -d")),
  ),
  at0("age-encryption.org/", "encrypted with age", pipe("age -d")),
  at0("Salted__", "encrypted with openssl", `Decrypt it, with a pipe into ${either("`coresieve - OUT`", "openInput")}`),
];

const DISK = "It is a disk, not memory: mount it, and take the vmcore out of it";

const DISKS: readonly KnownFile[] = [
  at0("KDMV", "a disk image of VMware", DISK),
  at0("# Disk DescriptorFile", "the description of a disk of VMware", DISK),
  at0("vhdxfile", "a disk image of Hyper-V (VHDX)", DISK),
  at0("conectix", "a disk image of Hyper-V (VHD)", DISK),
  at0("<<< Oracle VM VirtualBox Disk Image >>>", "a disk image of VirtualBox", DISK),
  at0("QED\0", "a QED disk image", DISK),
  at0("LUKS\xba\xbe", "an encrypted disk (LUKS)", DISK),
  at0("hsqs", "a squashfs file system", DISK),
  at0("XFSB", "an XFS file system", DISK),
  { marks: [[0x438, "\x53\xef"]], name: "an ext2, ext3 or ext4 file system", cure: DISK },
  { marks: [[0x1_0040, "_BHRfS_M"]], name: "a btrfs file system", cure: DISK },
  { marks: [[0x8001, "CD001"]], name: "a CD image", cure: DISK },
  { marks: [[512, "EFI PART"]], name: "a disk with partitions (GPT)", cure: DISK },
];

const TEXT = "Give the vmcore, which is often beside it";
const NO_DUMP = "Name the dump itself";

/** Kernels, and texts that people find beside a dump. */
const BESIDE: readonly KnownFile[] = [
  { marks: [[0x202, "HdrS"]], name: "a kernel image (bzImage)", cure: FOR_VMLINUX },
  { marks: [[0x38, "ARM\x64"]], name: "a kernel image of arm64", cure: FOR_VMLINUX },
  { marks: [[0x38, "RSC\x05"]], name: "a kernel image of RISC-V", cure: FOR_VMLINUX },
  {
    marks: [
      [0, "MZ"],
      [4, "zimg"],
    ],
    name: "a packed kernel image (EFI zboot)",
    cure: FOR_VMLINUX,
  },
  at0("MZ", "a program for Windows or EFI", FOR_VMLINUX),
  at0("\xd0\x0d\xfe\xed", "a device tree", FOR_VMLINUX),
  at0("\x89PNG\r\n", "a PNG picture", NO_DUMP),
  at0("\xff\xd8\xff", "a JPEG picture", NO_DUMP),
  at0("%PDF-", "a PDF document", NO_DUMP),
  at0("#!", "a script", NO_DUMP),
  at0("OSRELEASE=", "a VMCOREINFO text", `Give the dump, and this text with ${OPTION.vmcoreinfo}`),
  at0(
    "ProblemType:",
    "an Apport report",
    "It has the kernel's log and no dump: give dump.TIME of the folder /var/crash/TIME",
  ),
  at0(
    "<!DOCTYPE html",
    "a web page",
    "You downloaded a page (perhaps a login page) instead of the dump: fetch it again",
  ),
  at0(
    "<!doctype html",
    "a web page",
    "You downloaded a page (perhaps a login page) instead of the dump: fetch it again",
  ),
  at0("<html", "a web page", "You downloaded a page (perhaps a login page) instead of the dump: fetch it again"),
  at0("<?xml", "an XML text", "Give the dump or the memory file beside it"),
  at0("version https://git-lfs", "a pointer of Git LFS", "Fetch the file itself: `git lfs pull`"),
  at0("{", "a JSON text", "Give the dump itself: of cloud-hypervisor state.json, with memory-ranges beside it"),
  at0("[    0.000000] ", "a kernel's log", TEXT),
  at0("Panic#", "a kernel's log out of pstore", TEXT),
  at0("Oops#", "a kernel's log out of pstore", TEXT),
  at0("====", "a kernel's log out of ramoops", TEXT),
];

/** All rows; the first one that matches counts. */
export const KNOWN_FILES: readonly KnownFile[] = [...MEMORY, ...PACKED, ...BESIDE, ...DISKS];

/** The row for a file with this head (`KNOWN_HEAD_SIZE` bytes of it, or all); `undefined` if no row matches. */
export function knownFile(head: Uint8Array): KnownFile | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString("latin1");
  return KNOWN_FILES.find(({ marks }) => marks.every(([at, bytes]) => text.startsWith(bytes, at)));
}

/** Whether all of a file's head is text of lines: memory never is. */
export function isTextHead(head: Uint8Array): boolean {
  return (
    head.length > 0 && head.includes(10) && !head.some((byte) => byte < 9 || (byte > 13 && byte < 32) || byte === 127)
  );
}

/** Files that are recognised by their names, because their bytes say nothing. */
interface KnownName extends Omit<KnownFile, "marks"> {
  readonly is: RegExp;
}

const KNOWN_NAMES: readonly KnownName[] = [
  {
    is: /\.vmem$/i,
    name: "the memory of a VMware machine, by its name",
    why: NO_ADDRESSES,
    cure: `Give its state with it, ${either("`coresieve NAME.vmss NAME.vmem OUT`", '`openDump(["NAME.vmss", "NAME.vmem"])`')}; without one, ${OPTION.rawAuto}`,
  },
  {
    is: /(^|[/\\])memory-ranges$/,
    name: "the memory of a snapshot of cloud-hypervisor, by its name",
    why: NO_ADDRESSES,
    cure: "Give state.json, which lies beside it: the memory is found by it",
  },
  {
    is: /\.vsv$/i,
    name: "a saved state of an old Hyper-V, by its name",
    cure: "Crash the guest with kdump set up, and take its vmcore",
  },
  {
    is: /(^|[/\\])DDRCS\d+_\d+\.BIN$/i,
    name: "a piece of memory of a Qualcomm machine, by its name",
    why: NO_ADDRESSES,
    cure: "Give each piece with its address, which dump_info.txt or load.cmm has: `DDRCS0_0.BIN@0x80000000`",
  },
  {
    is: /(^|[/\\])md_[^/\\]*\.BIN$/i,
    name: "a part of a Qualcomm minidump, by its name",
    cure: "It has some areas of memory only: take a full dump",
  },
];

/** The row for a file with this name, if its bytes match no row. */
export function knownName(path: string): Omit<KnownFile, "marks"> | undefined {
  return KNOWN_NAMES.find(({ is }) => is.test(path));
}
