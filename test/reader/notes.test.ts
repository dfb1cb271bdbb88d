import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countCpus, findVmcoreinfo, type Note, parseNotes } from "../../src/reader/notes.js";
import { Warnings } from "../../src/warnings.js";
import { ByteBuffer, type ByteOrder } from "../support/bytes.js";
import { encodeNotes, prstatusNote, qemuNote, vmcoreinfoNote } from "../support/notes.js";

function parse(area: Uint8Array, order: ByteOrder = "little"): { notes: Note[]; cutOff: boolean } {
  const warnings = new Warnings();
  const notes = parseNotes(area, order === "little", "file", warnings);
  return { notes, cutOff: warnings.list.some(({ code }) => code === "NOTE") };
}

/** A note header with any numbers, and some bytes behind it. */
function rawNote(nameSize: number, descSize: number, bytes = 64): Uint8Array {
  return new ByteBuffer("little").u32(nameSize).u32(descSize).u32(1).skip(bytes).toBytes();
}

describe("notes", () => {
  test.each(["little", "big"] as const)("%s endian: names, types, descriptors and where they are", (order) => {
    const given = [
      prstatusNote(1),
      prstatusNote(2),
      qemuNote(),
      { name: "LINUX", type: 0x700, desc: Buffer.from("dd") },
    ];
    const all = [...given, vmcoreinfoNote("OSRELEASE=6.1\n")];
    const area = encodeNotes(all, order);
    const { notes, cutOff } = parse(area, order);
    expect(notes.map(({ name, type, desc }) => ({ name, type, desc: Buffer.from(desc) }))).toEqual(
      all.map(({ name, type, desc }) => ({ name, type, desc: Buffer.from(desc) })),
    );
    for (const { desc, descOffset } of notes) expect(area.subarray(descOffset, descOffset + desc.length)).toEqual(desc);
    expect(cutOff).toBe(false);
    expect(countCpus(notes)).toBe(2);
    expect(findVmcoreinfo(notes)?.desc.length).toBe(14);
  });

  test("the zeros with which the kernel fills its buffers are passed over", () => {
    const area = Buffer.concat([new Uint8Array(24), encodeNotes([qemuNote()], "little"), new Uint8Array(100)]);
    expect(parse(area)).toMatchObject({ notes: [{ name: "QEMU" }], cutOff: false });
  });

  test("a note that runs past the end ends the scan with a warning", () => {
    const area = Buffer.concat([encodeNotes([qemuNote()], "little"), rawNote(5, 1000)]);
    expect(parse(area)).toMatchObject({ notes: [{ name: "QEMU" }], cutOff: true });
  });

  // With 32-bit signed arithmetic these sizes became negative, and the scan went back and never ended.
  test.each([0xffff_fff0, 0xffff_fff4, 0xffff_ffff, 0x8000_0000])(
    "a name of %i bytes does not send the scan back",
    (size) => {
      expect(parse(rawNote(size, 0))).toEqual({ notes: [], cutOff: true });
      expect(parse(rawNote(0, size))).toEqual({ notes: [], cutOff: true });
    },
  );

  test("any bytes: an end, and descriptors within the area", () => {
    const size = fc.oneof(fc.nat(40), fc.constantFrom(0xffff_fff0, 0xffff_fffd, 0xffff_ffff, 0x7fff_ffff));
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(size, size, fc.nat(64)).map(([name, desc, bytes]) => rawNote(name, desc, bytes)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const area = Buffer.concat(pieces);
        let last = 0;
        for (const { desc, descOffset } of parse(area).notes) {
          expect(descOffset).toBeGreaterThan(last);
          expect(descOffset + desc.length).toBeLessThanOrEqual(area.length);
          last = descOffset;
        }
      }),
      { numRuns: 2000 },
    );
  });
});
