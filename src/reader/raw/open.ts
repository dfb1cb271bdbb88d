import { DumpError } from "../../errors.js";
import type { WarningParts, Warnings } from "../../warnings.js";
import type { Dump, DumpHeader } from "../dump.js";
import { factsOf, type Machine, USUAL_MACHINE } from "../machine.js";
import { checkPageCount } from "../page-count.js";
import { joinRanges } from "../ranges.js";
import { attachSource, closeOnce, type SourceImage } from "../source/source-image.js";
import { type RawImage, rawMemory } from "./image.js";
import { readRanges } from "./lime.js";
import { layOut, type RawPiece } from "./pieces.js";

/** Opens a raw memory image. Throws `BAD_OPTION` if the pieces do not fit the file. */
export function openRaw(
  source: SourceImage,
  pieces: readonly RawPiece[],
  machine: Machine | undefined,
  salvage: boolean,
): Dump {
  const { path: name, size } = source.file;
  return openImage(source, { data: layOut(pieces, size, name), snappy: false, tolerant: salvage }, machine, {
    format: "raw",
    description: "raw memory image",
    incomplete: false,
  });
}

/** Opens a LiME or AVML file, flattened or not; with `salvage` as far as it goes. Throws what `readRanges` does. */
export function openRanges(
  source: SourceImage,
  machine: Machine | undefined,
  warnings: Warnings,
  salvage: boolean,
): Dump {
  const { format, data, littleEndian, cut } = readRanges(attachSource(source), salvage);
  if (cut !== undefined) warnings.add("CUT_OFF", behindCut(cut));
  const snappy = format === "avml";
  const description = snappy ? "AVML memory image" : `LiME memory image${littleEndian ? "" : ", big endian"}`;
  const incomplete = cut !== undefined || source.flattened?.cut !== undefined;
  return openImage(source, { data, snappy, tolerant: salvage }, machine, { format, description, incomplete });
}

function openImage(
  source: SourceImage,
  { data, snappy, tolerant }: Pick<RawImage, "data" | "snappy" | "tolerant">,
  given: Machine | undefined,
  {
    format,
    description,
    incomplete,
  }: Pick<DumpHeader, "description" | "incomplete"> & {
    readonly format: "raw" | "lime" | "avml";
  },
): Dump {
  const { path, size } = source.file;
  const machine = given ?? USUAL_MACHINE;
  const { pageSize } = factsOf(machine.arch);
  if (data.count === 0) {
    throw new DumpError("NOT_A_DUMP", "is a memory image without any memory", {
      file: path,
      cure: "Take the image anew",
    });
  }
  const maxMapnr = Math.ceil((data.end[data.count - 1] as number) / pageSize);
  checkPageCount(maxMapnr, path);
  const image: RawImage = { kind: "raw", source, pageSize, data, snappy, tolerant };
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
      incomplete,
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

function behindCut({ summary, reason }: DumpError): WarningParts {
  const what = "what lies behind was not read";
  return { summary: `${summary}; ${what}`, reason: `${reason}; ${what}` };
}
