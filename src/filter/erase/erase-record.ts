import { attachSpace, type KernelView } from "../../kernel/kernel-view.js";
import type { Dump } from "../../reader/dump.js";
import { fields } from "../../reader/fields.js";
import { parseNotes } from "../../reader/notes.js";
import { readUtsname, UTSNAME_SIZE, type Utsname } from "../../reader/utsname.js";
import { Warnings } from "../../warnings.js";
import { type EraseSpans, overwrite } from "./spans.js";

/**
 * The dump with lines added to its eraseinfo, behind those of earlier runs. An ERASEINFO note of the input is removed
 * from the note area, because the whole text replaces it.
 */
export function withEraseinfo(dump: Dump, lines: readonly string[]): Dump {
  if (lines.length === 0) return dump;
  const before = Buffer.from(dump.eraseinfo ?? [])
    .toString("latin1")
    .replace(/[\n\0]*$/, "");
  const text = [...(before === "" ? [] : [before]), ...lines].map((line) => `${line}\n`).join("");
  const noteArea = withoutEraseinfo(dump);
  const { machine, paths } = dump;
  return {
    ...dump,
    noteArea,
    notes: parseNotes(noteArea, machine.littleEndian, paths[0] ?? "", new Warnings()),
    eraseinfo: Buffer.from(text, "utf8"),
  };
}

const NOTE_HEADER = 12;
const PADDED_NAME = 12;

function withoutEraseinfo({ noteArea, notes }: Dump): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { name, desc, descOffset } of notes) {
    if (name !== "ERASEINFO") continue;
    parts.push(noteArea.subarray(from, descOffset - PADDED_NAME - NOTE_HEADER));
    from = descOffset + Math.ceil(desc.length / 4) * 4;
  }
  return parts.length === 0 ? noteArea : Buffer.concat([...parts, noteArea.subarray(from)]);
}

/** The kernel's names after erasing: a kdump header has a copy of them. */
export function erasedUtsname(dump: Dump, { space, utsname }: KernelView, spans: readonly EraseSpans[]): Utsname {
  const info = dump.vmcoreinfo;
  const namespace = info?.symbol("init_uts_ns");
  const address =
    namespace === undefined
      ? info?.symbol("system_utsname")
      : namespace + BigInt(info?.offset("uts_namespace.name") ?? 4);
  if (address === undefined || spans.length === 0) return utsname;
  const map = attachSpace(space, dump.memory);
  const bytes = new Uint8Array(UTSNAME_SIZE);
  for (let done = 0; done < bytes.length; ) {
    const place = map.translate(address + BigInt(done));
    if (place === undefined) return utsname;
    const piece = bytes.subarray(done, done + place.length);
    if (dump.memory.read(piece, place.paddr) < piece.length) return utsname;
    for (const one of spans) overwrite(one, piece, place.paddr);
    done += piece.length;
  }
  return readUtsname(fields(bytes, dump.machine.littleEndian, ""), 0);
}
