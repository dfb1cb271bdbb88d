/** Formats of an output: dumps for debuggers, or memory images for other forensic programs. */
export const OUTPUT_FORMATS = ["kdump", "elf", "lime", "raw"] as const;
/** One of `OUTPUT_FORMATS`. */
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** The names of an output format, and what it can store. */
export interface OutputFormatFacts {
  /** For messages: "ELF dumps". */
  readonly plural: string;
  readonly label: string;
  /** Whether pages can be compressed, and equal pages can share their bytes. */
  readonly packsPages: boolean;
  /** Whether pages of zeros are part of the file without bytes of their own. Otherwise they can only be left out. */
  readonly holdsZeros: boolean;
  /** Whether it has notes (registers, VMCOREINFO, what was erased) and a mark of an incomplete dump. */
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

/** The names of an output format, and what it can store. */
export function outputFormatFacts(format: OutputFormat): OutputFormatFacts {
  return FORMATS[format];
}
