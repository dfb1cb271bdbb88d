import { DumpError } from "../errors.js";
import { either, OPTION } from "../option-words.js";
import type { Dump } from "./dump.js";
import { ELF_TYPE_END, isElf, isElfProgram } from "./elf/header.js";
import { openElf } from "./elf/open.js";
import { type Format, type FormatOptions, HEAD_SIZE, type Opening } from "./format.js";
import type { FurtherReaders } from "./further-formats.js";
import { isKdump } from "./kdump/header.js";
import { openKdump } from "./kdump/open.js";
import { isSaveFile } from "./libvirt-save/header.js";
import { isLkcd } from "./lkcd/header.js";
import { isCloudHypervisorState, isFirecrackerState } from "./microvm/state-head.js";
import { isQcow2 } from "./qcow2/header.js";
import { isMigrationStream } from "./qemu-migration/stream-head.js";
import { rangeFormat } from "./raw/lime.js";
import { isS390Dump } from "./s390-dump/header.js";
import { isSadump } from "./sadump/header.js";
import { attachSource, type SourceImage } from "./source/source-image.js";
import { isGuestFile } from "./vmware/guest.js";
import { isStateFile } from "./vmware/state-tags.js";
import { openXenCore } from "./xen/open.js";

const first = (images: readonly SourceImage[]): SourceImage => images[0] as SourceImage;

/**
 * Every format that is recognised by the content of the file. The first one that recognises a file counts. Most runs
 * read one of the first two; the readers of the others are loaded only when they are needed.
 */
const FORMATS: readonly Format[] = [
  {
    name: "an ELF vmcore",
    recognises: isElf,
    // The core of a Xen domain is also an ELF file, of another kind.
    open: (images, options) =>
      openXenCore(first(images), options) ?? openElf(first(images), options.warnings, options.salvage),
  },
  {
    // Also that of diskdump, which kdump's format comes from.
    name: "a kdump file",
    recognises: isKdump,
    files: "split set",
    open: (images, { warnings, salvage }) => openKdump(images, warnings, salvage),
  },
  {
    name: "a LiME or AVML image",
    recognises: (head) => rangeFormat(head) !== undefined,
    takesMachine: true,
    open: "ranges",
  },
  {
    name: "an s390 stand-alone dump",
    recognises: isS390Dump,
    files: "split set",
    open: "s390",
  },
  {
    name: "an LKCD dump",
    recognises: isLkcd,
    open: "lkcd",
  },
  {
    name: "a sadump dump",
    recognises: isSadump,
    files: "split set",
    open: "sadump",
  },
  {
    name: "a saved state of VMware",
    recognises: isStateFile,
    takesMachine: true,
    files: "with memory",
    open: "vmwareState",
  },
  {
    name: "a debug state of VMware",
    recognises: (head, { path }) => isGuestFile(head, path),
    takesMachine: true,
    files: "with memory",
    open: "vmwareGuest",
  },
  {
    name: "a state file of Firecracker",
    recognises: isFirecrackerState,
    files: "with memory",
    open: "firecracker",
  },
  {
    name: "a state file of cloud-hypervisor",
    recognises: (head, { path }) => isCloudHypervisorState(head, path),
    takesMachine: true,
    files: "with memory",
    open: "cloudHypervisor",
  },
  {
    name: "a QEMU migration stream",
    recognises: isMigrationStream,
    takesMachine: true,
    open: "migration",
  },
  {
    name: "a libvirt save file",
    recognises: isSaveFile,
    takesMachine: true,
    open: "libvirtSave",
  },
  {
    name: "a qcow2 disk image",
    recognises: isQcow2,
    takesMachine: true,
    open: "qcow2",
  },
];

/** The format of a file with this head; `undefined` if no format recognises it. */
export function formatOf(head: Uint8Array, file: { readonly path: string }): Format | undefined {
  return FORMATS.find((format) => format.recognises(head.subarray(0, HEAD_SIZE), file));
}

/** The format of an open file. */
export function formatOfImage(image: SourceImage): Format | undefined {
  return formatOf(headOf(image, HEAD_SIZE), image.file);
}

/** The first `size` bytes of an open file, or all of a shorter one. */
export function headOf(image: SourceImage, size: number): Uint8Array {
  const head = new Uint8Array(size);
  return head.subarray(0, attachSource(image).read(head, 0));
}

/**
 * Opens the dump in files of a known format. `other` makes the error for a file of no known format. Throws `BAD_OPTION`
 * if the files do not belong together, and what the format's reader throws.
 */
export function openFormats(
  images: readonly SourceImage[],
  options: FormatOptions,
  other: (image: SourceImage) => DumpError,
  further: FurtherReaders | undefined,
): Dump | Opening {
  const formats = images.map(formatOfImage);
  const leading = Math.max(
    0,
    formats.findIndex((format) => format?.files === "with memory"),
  );
  const format = formats[leading];
  const withMemory = format?.files === "with memory";
  const unknown = formats.findIndex((one, i) => one === undefined && !(withMemory && i !== leading));
  if (unknown >= 0) throw other(images[unknown] as SourceImage);
  if (format === undefined) throw noDump();
  const image = images[leading] as SourceImage;
  if (options.machine !== undefined && format.takesMachine !== true) {
    throw new DumpError("BAD_OPTION", `names its architecture itself, but ${options.machine.arch} was named`, {
      file: image.file.path,
      cure: `Leave out ${OPTION.arch}: it is for memory images`,
    });
  }
  const fits =
    images.length === 1 ||
    (format.files === "split set" && formats.every((one) => one === format)) ||
    (withMemory && images.length === 2 && formats.filter((one) => one !== undefined).length === 1);
  const open = typeof format.open === "string" ? loaded(further)[format.open] : format.open;
  if (fits) return open([image, ...images.filter((one) => one !== image)], options);
  // crash takes the vmlinux as a file beside the dump.
  const program = images.find((one) => isElfProgram(headOf(one, ELF_TYPE_END)));
  if (program !== undefined) {
    throw new DumpError("BAD_OPTION", "is a program or a vmlinux, and was named as a part of the dump", {
      file: program.file.path,
      cure: `Name the dump alone; if the kernel's vmlinux is needed, give it with ${OPTION.vmlinux}`,
    });
  }
  const strange = images.find((_, i) => formats[i]?.files !== "split set") ?? image;
  throw new DumpError("BAD_OPTION", `${images.length} inputs were named, and they are not the files of one dump`, {
    file: strange.file.path,
    cure: either(
      "Several inputs must be the files of one split set. An output is named last, and what verify compares with behind --against",
      "Several inputs must be the files of one split set",
    ),
  });
}

/** The further readers, which the caller must have loaded if they are needed. */
export function loaded(further: FurtherReaders | undefined): FurtherReaders {
  if (further === undefined) throw new Error("the readers of further formats are not loaded");
  return further;
}

/** The error for a call without an input. */
export function noDump(): DumpError {
  return new DumpError("BAD_OPTION", "no dump was named", { cure: "Name the dump to read" });
}
