import { DumpError } from "../errors.js";
import { Warnings } from "../warnings.js";
import type { Dump, DumpImage, PageBitmaps, PhysicalMemory } from "./dump.js";
import { isElf } from "./elf/header.js";
import { elfBitmaps, elfMemory } from "./elf/image.js";
import { type ElfDump, openElf } from "./elf/open.js";
import { isKdump } from "./kdump/header.js";
import { kdumpBitmaps, kdumpMemory } from "./kdump/image.js";
import { openKdump } from "./kdump/open.js";
import { attachSource, closeOnce, openSource, type SourceImage } from "./source-image.js";

/**
 * Opens a dump by its content: an ELF vmcore, a kdump-compressed file, either of them flattened, or all files of a
 * split set (in any order). Throws `NOT_READABLE`, `NOT_A_DUMP`, `TRUNCATED`, `CORRUPT`, `LIMIT`, `UNSUPPORTED`.
 */
export function openDump(paths: string | readonly string[], warnings: Warnings = new Warnings()): Dump | ElfDump {
  const names = typeof paths === "string" ? [paths] : paths;
  const images: SourceImage[] = [];
  try {
    for (const name of names) images.push(openSource(name));
    return openImages(images, warnings);
  } catch (error) {
    closeOnce(images)();
    throw error;
  }
}

function openImages(images: readonly SourceImage[], warnings: Warnings): Dump | ElfDump {
  const kinds = images.map((image) => sniff(image));
  const first = images[0];
  if (first === undefined) throw new DumpError("BAD_OPTION", "no dump was named", { cure: "Name the dump to read" });
  if (kinds.every((kind) => kind === "kdump")) return openKdump(images, warnings);
  if (images.length === 1) return openElf(first, warnings);
  throw new DumpError("BAD_OPTION", `${images.length} inputs were named, and not all of them are kdump files`, {
    file: (images[kinds.indexOf("elf")] as SourceImage).file.path,
    cure: "Several inputs must be the files of one split set; the output is named last",
  });
}

function sniff(image: SourceImage): "elf" | "kdump" {
  const source = attachSource(image);
  const head = new Uint8Array(16);
  const n = source.read(head, 0);
  const bytes = head.subarray(0, n);
  if (isElf(bytes)) return "elf";
  if (isKdump(bytes)) return "kdump";
  const start = JSON.stringify(Buffer.from(bytes.subarray(0, 8)).toString("latin1"));
  throw new DumpError("NOT_A_DUMP", `is no kernel dump that coresieve reads: it starts with ${start}${hint(bytes)}`, {
    file: image.file.path,
    cure: "Read are ELF vmcores, kdump-compressed files, and both flattened",
  });
}

/** What other things commonly given as a dump are. */
function hint(head: Uint8Array): string {
  const text = Buffer.from(head).toString("latin1");
  const hints: readonly [string, string][] = [
    ["\x1f\x8b", " (gzip: unpack it first)"],
    ["\x28\xb5\x2f\xfd", " (zstd: unpack it first)"],
    ["\xfd7zXZ", " (xz: unpack it first)"],
    ["\x04\x22\x4d\x18", " (lz4: unpack it first)"],
    ["LibvirtQemudSav", " (a libvirt save file: make the dump with `virsh dump --memory-only`)"],
    ["QEVM", " (a QEMU migration file: make the dump with dump-guest-memory or `virsh dump --memory-only`)"],
    ["EMiL", " (a LiME image)"],
    ["AVML", " (an AVML image)"],
    ["DISKDUMP", " (the old disk-based diskdump)"],
    ["PAGEDU", " (a Windows dump)"],
  ];
  return hints.find(([magic]) => text.startsWith(magic))?.[1] ?? "";
}

/** Physical memory of an opened dump, for another thread than the one that opened it. */
export function attachMemory(image: DumpImage): PhysicalMemory {
  return image.kind === "elf" ? elfMemory(image) : kdumpMemory(image);
}

/** Sets the bits of the pages that exist and of those that have data. */
export function fillBitmaps(image: DumpImage, bitmaps: PageBitmaps): void {
  if (image.kind === "elf") elfBitmaps(image, bitmaps);
  else kdumpBitmaps(image, bitmaps);
}

/** The PT_LOADs of an ELF dump; a dump of another format has none. */
export function segmentsOf(dump: Dump): ElfDump["segments"] | undefined {
  return "segments" in dump ? (dump as ElfDump).segments : undefined;
}
