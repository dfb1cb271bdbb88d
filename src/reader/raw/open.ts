import { DumpError } from "../../errors.js";
import { fileSource } from "../byte-source.js";
import type { Dump } from "../dump.js";
import type { Extents } from "../extents.js";
import { factsOf, type Machine } from "../machine.js";
import { checkPageCount } from "../page-count.js";
import { joinRanges } from "../ranges.js";
import { attachSource, closeOnce, type SourceImage } from "../source-image.js";
import { type RawImage, rawMemory } from "./image.js";
import { readRanges } from "./lime.js";
import { layOut, type RawPiece } from "./pieces.js";

/** What is taken for the machine until its memory says otherwise: that of most images. */
const USUAL: Machine = { arch: "x86_64", wordSize: 8, littleEndian: true };

/** Opens a raw memory image. Throws `BAD_OPTION` if the pieces do not fit the file. */
export function openRaw(source: SourceImage, pieces: readonly RawPiece[], machine: Machine | undefined): Dump {
  const { name, size } = fileSource(source.file);
  return openImage(source, { data: layOut(pieces, size, name), snappy: false }, machine, {
    format: "raw",
    description: "raw memory image",
  });
}

/** Opens a LiME or AVML file, flattened or not. Throws what `readRanges` does. */
export function openRanges(source: SourceImage, machine: Machine | undefined): Dump {
  const { format, data, littleEndian } = readRanges(attachSource(source));
  const snappy = format === "avml";
  const description = snappy ? "AVML memory image" : `LiME memory image${littleEndian ? "" : ", big endian"}`;
  return openImage(source, { data, snappy }, machine, { format, description });
}

function openImage(
  source: SourceImage,
  { data, snappy }: { readonly data: Extents; readonly snappy: boolean },
  given: Machine | undefined,
  { format, description }: { readonly format: "raw" | "lime" | "avml"; readonly description: string },
): Dump {
  const { path, size } = source.file;
  const machine = given ?? USUAL;
  const { pageSize } = factsOf(machine.arch);
  if (data.count === 0) {
    throw new DumpError("NOT_A_DUMP", "is a memory image without any memory", {
      file: path,
      cure: "Take the image anew",
    });
  }
  const maxMapnr = Math.ceil((data.end[data.count - 1] as number) / pageSize);
  checkPageCount(maxMapnr, path);
  const image: RawImage = { kind: "raw", source, pageSize, data, snappy };
  const flattened = source.flattened !== undefined;
  return {
    paths: [path],
    fileSize: size,
    image,
    header: {
      description: `${description}${flattened ? ", flattened" : ""}`,
      format,
      flattened,
      headerVersion: undefined,
      parts: 1,
      codecs: snappy ? ["snappy"] : [],
      incomplete: false,
      dumpLevel: 0,
      utsname: undefined,
      timestamp: undefined,
      cpus: 0,
      physBase: undefined,
    },
    machine,
    machineGuessed: given === undefined,
    pageSize,
    maxMapnr,
    noteArea: new Uint8Array(0),
    notes: [],
    vmcoreinfo: undefined,
    eraseinfo: undefined,
    memory: rawMemory(image),
    ranges: joinRanges(data),
    close: closeOnce([source]),
  };
}
