/**
 * Every file that holds a machine's memory, or that people take for one that does, by its first bytes: it is read, or called by its name. The bytes are those of
 * the formats' own documents and headers.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatOf } from "../../src/reader/formats.js";
import { KNOWN_HEAD_SIZE, knownFile } from "../../src/reader/known-files.js";
import { openDump } from "../../src/reader/open.js";
import { temporaryFolder } from "../support/filter.js";
import { failureOf } from "../support/open.js";
import { buildXenCore } from "../support/xen-core.js";

const folder = temporaryFolder();

/** Bytes at places, as hex or text, in a file of other bytes. */
function file(...parts: readonly (readonly [at: number, bytes: string | Buffer])[]): Buffer {
  const bytes = Buffer.alloc(KNOWN_HEAD_SIZE + 100, 0xa5);
  for (const [at, part] of parts) Buffer.from(part as string, "latin1").copy(bytes, at);
  return bytes;
}

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

type Read = readonly [what: string, head: Buffer, format: string, path?: string];

const READ: readonly Read[] = [
  ...["d2bed2be", "d0bed2be", "d0bed0be", "d3bed3be", "d1bad1ba", "d2bad2ba"].map((id) => {
    const groups = "0800000001000000";
    return [`VMware ${id}`, file([0, hex(id + groups)], [12, "memory\0"]), "a saved state of VMware"] as const;
  }),
  ["debug.guest", file([0, hex("04000000 01000000")]), "a debug state of VMware", "/vm/debug.guest"],
  ["QEMU's stream", file([0, hex("5145564d 00000003")]), "a QEMU migration stream"],
  ["libvirt's save", file([0, "LibvirtQemudSave"]), "a libvirt save file"],
  ["libvirt's save, not finished", file([0, "LibvirtQemudPart"]), "a libvirt save file"],
  ["qcow2", file([0, hex("514649fb 00000003")]), "a qcow2 disk image"],
  ["s390", file([0, hex("a8190173618f23fd")]), "an s390 stand-alone dump"],
  ["s390, extended", file([0, hex("a8190173618f23fe")]), "an s390 stand-alone dump"],
  ["LKCD", file([0, hex("ed238f61730119a8")]), "an LKCD dump"],
  ["LKCD, big endian", file([0, hex("a8190173618f23ed")]), "an LKCD dump"],
  ["LKCD of a running machine", file([0, hex("cd238f61730119a8")]), "an LKCD dump"],
  ["sadump", file([0, hex("736164756d700000")]), "a sadump dump"],
  ["Firecracker, x86-64", file([0, hex("0100648684191007")]), "a state file of Firecracker"],
  ["Firecracker, arm64", file([0, hex("0000aaaa84191007")]), "a state file of Firecracker"],
  ["cloud-hypervisor", file([0, '{"snapshots":']), "a state file of cloud-hypervisor", "/snap/state.json"],
  ["kdump", file([0, "KDUMP   "], [8, hex("06000000")]), "a kdump file"],
  ["diskdump", file([0, "DISKDUMP"], [8, hex("01000000")]), "a kdump file"],
  ["LiME", file([0, hex("454d694c 01000000")]), "a LiME or AVML image"],
  ["AVML", file([0, hex("41564d4c 02000000")]), "a LiME or AVML image"],
  ["a Xen core", Buffer.from(buildXenCore({ pieces: [{ start: 0, data: Buffer.alloc(4096, 1) }] })), "an ELF vmcore"],
];

test.each(READ.map((row) => [row[0], row] as const))("%s is read", (_, [, head, format, path = "/dumps/file"]) => {
  expect(formatOf(head, { path })?.name).toBe(format);
});

const NAMED: readonly (readonly [what: string, head: Buffer, name: RegExp])[] = [
  ["xl save", file([0, "Xen saved domain, xl format"]), /a saved Xen domain/],
  ["xm save", file([0, "LinuxGuestRecord"]), /a saved Xen domain/],
  ["libvirt on Xen", file([0, "libvirt-xml"]), /a saved Xen domain/],
  ["libxc's stream", file([0, hex("ffffffffffffffff58454e46")]), /a saved Xen domain/],
  ["a media backup of sadump", file([4096, hex("736164756d700000")]), /a media backup of sadump/],
  ["z/VM", file([0, hex("e2d9")], [56, hex("e5d4c4e4d4d74040")]), /a z\/VM VMDUMP/],
  ["Hyper-V", file([0, hex("14202801")]), /Hyper-V/],
  ["hibernation", file([4086, "S1SUSPEND\0"]), /hibernation image/],
  ["VirtualBox", file([0, "\x7fVirtualBox SavedState V2.0\n"]), /a saved state of VirtualBox/],
  ...["PAGEDU64", "PAGEDUMP", "MDMP", "hibr", "HIBR", "ZDMP"].map(
    (magic) => [`Windows ${magic}`, file([0, magic]), /Windows/] as const,
  ),
  ["Mission Critical Linux", file([0, hex("ddcc8b9a")]), /Mission Critical Linux/],
  ["diskdump's partition", file([4096, "DISKDUMP"]), /a copy of diskdump's partition/],
  ["Dragonball", file([0, "DBSNAP01"]), /Dragonball/],
  ["rar", file([0, "Rar!\x1a\x07"]), /a rar archive/],
  ["7z", file([0, hex("377abcaf271c")]), /a 7z archive/],
  ["lzop", file([0, hex("894c5a4f000d0a1a0a")]), /lzop/],
  ["lzma", file([0, hex("5d0000")]), /lzma/],
  ["a kernel image", file([0x202, "HdrS"]), /a kernel image/],
  ["a package", file([0, "!<arch>\n"]), /a Debian package/],
  ["squashfs", file([0, "hsqs"]), /squashfs/],
  ["ext4", file([0x438, hex("53ef")]), /ext4/],
  ["a state.json of another name", file([0, "{"]), /a JSON text/],
];

test.each(NAMED)("%s is called by its name", (_, head, name) => {
  expect(formatOf(head, { path: "/dumps/file" })).toBeUndefined();
  expect(knownFile(head)?.name).toMatch(name);
});

test.each([
  ["guest.vmem", /the memory of a VMware machine/, /NAME\.vmss|openDump/],
  ["memory-ranges", /cloud-hypervisor/, /state\.json/],
  ["old.vsv", /Hyper-V/, /kdump/],
  ["DDRCS0_1.BIN", /Qualcomm/, /@0x80000000/],
  ["md_KELF_HEADER.BIN", /minidump/, /full dump/],
])("%s, whose bytes tell nothing, is called by its name", (name, what, cure) => {
  const path = join(folder, name);
  writeFileSync(path, file());
  const failure = failureOf(() => openDump(path));
  expect([failure.code, failure.what, failure.cure]).toEqual([
    "NOT_A_DUMP",
    expect.stringMatching(what),
    expect.stringMatching(cure),
  ]);
});
