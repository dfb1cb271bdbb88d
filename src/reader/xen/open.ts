import { DumpError } from "../../errors.js";
import { ofFile, type Warnings } from "../../warnings.js";
import type { Dump } from "../dump.js";
import { readElfHeader } from "../elf/header.js";
import { type ElfFile, readElfFile } from "../elf/sections.js";
import { layer } from "../extents.js";
import type { FormatOptions } from "../format.js";
import { type FrameRun, framesNote } from "../frames.js";
import { archOfElf } from "../machine.js";
import { memoryDump } from "../raw/memory-dump.js";
import { type ByteSource, CUT_OFF_CURE } from "../source/byte-source.js";
import { attachSource, type SourceImage } from "../source/source-image.js";
import { damageOf } from "../tolerant-memory.js";
import { isXenCore, readXenCore } from "./core.js";

/**
 * Opens the core of a Xen domain; `undefined` for any other ELF file. Throws `TRUNCATED` for a core that is cut off, unless it is salvaged, `CORRUPT`.
 */
export function openXenCore(image: SourceImage, options: FormatOptions): Dump | undefined {
  const source = attachSource(image);
  const { phnum, shnum } = readElfHeader(source, true);
  if (phnum !== 0 || shnum === 0) return undefined;
  const file = sectionsOf(source);
  if (file === undefined || !isXenCore(file)) return undefined;
  const { pieces, frames, end, noteArea } = readXenCore(file);
  const cut = end > source.size;
  const what = `ends at byte ${source.size}; its pages go on to ${end}`;
  if (cut && !options.salvage) throw new DumpError("TRUNCATED", what, { file: source.name, cure: CUT_OFF_CURE });
  if (cut) options.warnings.add("CUT_OFF", ofFile(source.name, what));
  const there = pieces.map((piece) => ({
    ...piece,
    end: Math.min(piece.end, piece.start + Math.max(0, source.size - piece.source)),
  }));
  const facts = archOfElf(file.machine, file.elfClass);
  const machine = facts && { arch: facts.arch, wordSize: facts.wordSize, littleEndian: file.littleEndian };
  return memoryDump(
    {
      sources: [image],
      data: layer(there),
      format: "xen",
      description: frames === undefined ? "core of a Xen domain" : "core of a paravirtualised Xen domain",
      incomplete: cut,
      machine,
      noteArea: frames === undefined ? noteArea : withNote(noteArea, frames, options.warnings, source.name),
    },
    options,
  );
}

/**
 * A note translates the page tables' addresses, so that outputs have the translation too. Other programs only know
 * cores that they read themselves: seen with crash 8.0.2 and libkdumpfile 0.5.1.
 */
function withNote(noteArea: Uint8Array, frames: readonly FrameRun[], warnings: Warnings, file: string): Uint8Array {
  const note = framesNote(frames);
  if (note === undefined) {
    const what = `${frames.length} stretches of the host's memory are more than are read: its page tables lead nowhere`;
    warnings.add("HOST_ADDRESSES", ofFile(file, what));
    return noteArea;
  }
  const what =
    "its page tables have addresses of the host's memory; coresieve reads the output, and gdb one with -E, but crash and drgn do not";
  warnings.add("HOST_ADDRESSES", ofFile(file, what));
  return Buffer.concat([noteArea, note]);
}

/** The file's sections; `undefined` if they cannot be read: then the reader of ELF files says what the file is. */
function sectionsOf(source: ByteSource): ElfFile | undefined {
  try {
    return readElfFile(source);
  } catch (error) {
    damageOf(error);
    return undefined;
  }
}
