/** Entries of QEMU's vmcoreinfo device: decoded, followed into memory, or passed over as its specification says. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layer } from "../../src/reader/extents.js";
import { extentsMemory } from "../../src/reader/extents-memory.js";
import { decodeDeviceEntry, followDeviceEntry } from "../../src/reader/vmcoreinfo-device.js";
import { asciiBytes, ByteBuffer, type ByteOrder } from "../support/bytes.js";
import { encodeNotes } from "../support/notes.js";
import { failureOf } from "../support/open.js";

const AT = 0x1000;

/** Memory of these bytes at AT. */
function memoryOf(bytes: Uint8Array) {
  const read = (into: Uint8Array, offset: number) => {
    const part = bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  };
  const source = { name: "memory", size: bytes.length, read };
  return extentsMemory(source, layer([{ start: AT, end: AT + bytes.length, source: 0 }]));
}

const noteOf = (text: string, order: ByteOrder = "little", name = "VMCOREINFO") =>
  encodeNotes([{ name, type: 0, desc: asciiBytes(text) }], order);
const text = "OSRELEASE=6.1.0\nPAGESIZE=4096\nNUMBER(phys_base)=-593494016\n";
const note = noteOf(text);
const entryOf = (changes: object = {}) => ({
  ...{ hostFormat: 1, guestFormat: 1, size: note.length, paddr: BigInt(AT) },
  ...changes,
});

test("an entry is four little-endian numbers, in the specification's order", () => {
  fc.assert(
    fc.property(
      fc.record({
        hostFormat: fc.nat(0xffff),
        guestFormat: fc.nat(0xffff),
        size: fc.nat(0xffff_ffff),
        paddr: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
      }),
      (entry) => {
        const { hostFormat, guestFormat, size, paddr } = entry;
        const bytes = new ByteBuffer("little").u16(hostFormat).u16(guestFormat).u32(size).u64(paddr).toBytes();
        expect(decodeDeviceEntry(bytes)).toEqual(entry);
      },
    ),
  );
});

test("only whole entries of 16 bytes", () => {
  fc.assert(
    fc.property(
      fc.nat(64).filter((n) => n !== 16),
      (length) => {
        const error = failureOf(() => decodeDeviceEntry(new Uint8Array(length)));
        expect(error.code).toBe("BAD_OPTION");
        expect(error.message).toContain(`has 16 bytes, not ${length}`);
      },
    ),
  );
});

test.each(["little", "big"] as const)("leads to the note's text, %s endian", (order) => {
  const { note: found, ignored } = followDeviceEntry(memoryOf(noteOf(text, order)), entryOf());
  expect(ignored).toBeUndefined();
  expect(found).toEqual({ paddr: AT + 24, text, littleEndian: order === "little" });
});

describe("passed over", () => {
  test.each<[string, object, RegExp]>([
    ["format 0: the guest took it back", { guestFormat: 0 }, /format 0/],
    ["a format that is not known", { guestFormat: 2 }, /format is 2; it must be 1/],
    ["a note of 1 MiB", { size: 1 << 20 }, /must have less than 1 MiB/],
    ["an address without memory", { paddr: 0x5000n }, /does not have \d+ bytes/],
    ["an address beyond all", { paddr: 0xffff_ffff_ffff_fff0n }, /the dump has no memory at/],
    ["a size that ends within the note", { size: note.length - 8 }, /no VMCOREINFO note/],
    ["no size", { size: 0 }, /no VMCOREINFO note/],
    ["an address beside the note", { paddr: BigInt(AT + 4), size: note.length - 4 }, /no VMCOREINFO note/],
  ])("%s", (_, changes, says) => {
    expect(followDeviceEntry(memoryOf(note), entryOf(changes)).ignored).toMatch(says);
  });

  test("a note of another name", () => {
    const other = noteOf(text, "little", "FREEBSDKRN");
    expect(followDeviceEntry(memoryOf(other), entryOf()).ignored).toMatch(/no VMCOREINFO note/);
  });

  test("any entry over any memory gives a note or a reason", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
    const entries = fc.record({
      hostFormat: fc.nat(2),
      guestFormat: fc.nat(2),
      size: fc.nat(250),
      paddr: fc.bigInt({ min: 0xff0n, max: 0x1100n }),
    });
    fc.assert(
      fc.property(fc.oneof(bytes, fc.constant(note)), entries, (content, entry) => {
        const { note: found, ignored } = followDeviceEntry(memoryOf(content), entry);
        expect(found === undefined).toBe(ignored !== undefined);
        if (found !== undefined) expect(entry).toMatchObject({ guestFormat: 1, paddr: BigInt(AT) });
      }),
    );
  });
});
