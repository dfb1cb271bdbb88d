import { DumpError } from "../errors.js";
import type { Warnings } from "../warnings.js";
import type { Dump } from "./dump.js";
import { isElf } from "./elf/header.js";
import { openElf } from "./elf/open.js";
import { isKdump } from "./kdump/header.js";
import { openKdump } from "./kdump/open.js";
import type { Machine } from "./machine.js";
import { rangeFormat } from "./raw/lime.js";
import { openRanges } from "./raw/open.js";
import type { FileHandle } from "./source/byte-source.js";
import { attachSource, type SourceImage } from "./source/source-image.js";

/** Bytes at the beginning that tell what a file is. */
export const HEAD_SIZE = 16;

/** How a dump is opened, whatever it is. */
export interface FormatOptions {
  /** By the user; only formats with `takesMachine` are given one. */
  readonly machine: Machine | undefined;
  readonly salvage: boolean;
  readonly warnings: Warnings;
  /** Opens a file beside one that was named. Throws what `openFile` does. */
  readonly openFile: (path: string) => FileHandle;
}

/** One format of dump files: a row of the table. */
export interface Format {
  /** In messages: "an ELF vmcore". */
  readonly name: string;
  /** Whether a file is of it. `head` has `HEAD_SIZE` bytes, or all of a shorter file. */
  recognises(head: Uint8Array, file: { readonly path: string }): boolean;
  /** Does not say itself of which machine it is, so `--arch` may. */
  readonly takesMachine?: boolean;
  /** How many files make a dump of it; `"with memory"`: with another file that has the memory, and no head. Default: one. */
  readonly files?: "split set" | "with memory";
  /** Opens what is in these files. The first is of this format; the dump closes them all. Throws as its reader does. */
  open(images: readonly SourceImage[], options: FormatOptions): Dump;
}

const first = (images: readonly SourceImage[]): SourceImage => images[0] as SourceImage;

/** Every format that is told by what is in the file. The first that recognises it counts. */
const FORMATS: readonly Format[] = [
  {
    name: "an ELF vmcore",
    recognises: isElf,
    open: (images, { warnings, salvage }) => openElf(first(images), warnings, salvage),
  },
  {
    name: "a kdump file",
    recognises: isKdump,
    files: "split set",
    open: (images, { warnings, salvage }) => openKdump(images, warnings, salvage),
  },
  {
    name: "a LiME or AVML image",
    recognises: (head) => rangeFormat(head) !== undefined,
    takesMachine: true,
    open: (images, options) => openRanges(first(images), options),
  },
];

/** The format of a file that begins so; `undefined` if it is of none. */
export function formatOf(head: Uint8Array, file: { readonly path: string }): Format | undefined {
  return FORMATS.find((format) => format.recognises(head.subarray(0, HEAD_SIZE), file));
}

/** The format of an open file. */
export function formatOfImage(image: SourceImage): Format | undefined {
  return formatOf(headOf(image, HEAD_SIZE), image.file);
}

/** The first bytes of an open file: so many, or all. */
export function headOf(image: SourceImage, size: number): Uint8Array {
  const head = new Uint8Array(size);
  return head.subarray(0, attachSource(image).read(head, 0));
}

/**
 * Opens the dump in files of a known format. `others` says what is wrong with a file that is of none. Throws `BAD_OPTION` where the files do not go
 * together, and what the format's reader throws.
 */
export function openFormats(
  images: readonly SourceImage[],
  options: FormatOptions,
  other: (image: SourceImage) => DumpError,
): Dump {
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
    throw new DumpError("BAD_OPTION", `says itself of which machine it is, but ${options.machine.arch} was named`, {
      file: image.file.path,
      cure: "Leave --arch away: it is for memory images",
    });
  }
  const fits =
    images.length === 1 ||
    (format.files === "split set" && formats.every((one) => one === format)) ||
    (withMemory && images.length === 2 && formats.filter((one) => one !== undefined).length === 1);
  if (fits) return format.open([image, ...images.filter((one) => one !== image)], options);
  const strange = images.find((_, i) => formats[i]?.files !== "split set") ?? image;
  throw new DumpError("BAD_OPTION", `${images.length} inputs were named, and not all of them are kdump files`, {
    file: strange.file.path,
    cure: "Several inputs must be the files of one split set; the output is named last",
  });
}

/** The error where no input was named. */
export function noDump(): DumpError {
  return new DumpError("BAD_OPTION", "no dump was named", { cure: "Name the dump to read" });
}
