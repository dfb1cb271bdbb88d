/** What an output can be: a dump for debuggers, or memory as other programs of forensics read it. */
export const OUTPUT_FORMATS = ["kdump", "elf", "lime", "raw"] as const;
/** One of `OUTPUT_FORMATS`. */
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** What a format of outputs is called, and what it has a place for. */
export interface OutputFormatFacts {
  /** In messages: "ELF dumps". */
  readonly plural: string;
  readonly label: string;
  /** Pages can be packed, and equal ones share their bytes. */
  readonly packsPages: boolean;
  /** Pages of zeros are in the file without bytes of their own. Otherwise they can only be left out. */
  readonly holdsZeros: boolean;
  /** Notes (registers, VMCOREINFO, what was erased), and a mark of an incomplete dump. */
  readonly holdsNotes: boolean;
}

const FORMATS: Readonly<Record<OutputFormat, OutputFormatFacts>> = {
  kdump: {
    ...{ plural: "kdump-compressed dumps", label: "kdump-compressed" },
    ...{ packsPages: true, holdsZeros: true, holdsNotes: true },
  },
  elf: { plural: "ELF dumps", label: "ELF", packsPages: false, holdsZeros: false, holdsNotes: true },
  lime: { plural: "LiME images", label: "LiME", packsPages: false, holdsZeros: true, holdsNotes: false },
  raw: {
    plural: "images of bare memory",
    label: "bare memory",
    packsPages: false,
    holdsZeros: true,
    holdsNotes: false,
  },
};

/** What a format of outputs is called, and what it has a place for. */
export function outputFormatFacts(format: OutputFormat): OutputFormatFacts {
  return FORMATS[format];
}
