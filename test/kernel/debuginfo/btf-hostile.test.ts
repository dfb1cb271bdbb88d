/** BTF that nobody meant to be read: random bytes, and blobs, built and real, of which something was changed. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { openBtf } from "../../../src/kernel/debuginfo/btf.js";
import { BTF_KIND } from "../../../src/kernel/debuginfo/btf-format.js";
import { btfTypes } from "../../../src/kernel/debuginfo/btf-types.js";
import { type BtfEntry, btfImage } from "../../support/btf-image.js";
import { describeWithDumps } from "../../support/dumps.js";
import { kernelBtf } from "../../support/kernel-btf.js";

const names = ["a", "b", "c", "int"] as const;

/** Types of any kind with words that are small enough to be ids of others, or not. */
const word = fc.oneof(fc.nat(40), fc.nat(0xffffffff));
const entry: fc.Arbitrary<BtfEntry> = fc
  .record({
    kind: fc.integer({ min: 0, max: 20 }),
    name: fc.constantFrom("", ...names),
    vlen: fc.nat(4),
    flag: fc.boolean(),
    value: word,
    words: fc.array(fc.oneof(word, fc.constantFrom("", ...names)), { maxLength: 12 }),
  })
  .map((made) => {
    const sizes: Readonly<Record<number, number>> = {
      [BTF_KIND.INT]: 1,
      [BTF_KIND.VAR]: 1,
      [BTF_KIND.DECL_TAG]: 1,
      [BTF_KIND.ARRAY]: 3,
      [BTF_KIND.STRUCT]: 3 * made.vlen,
      [BTF_KIND.UNION]: 3 * made.vlen,
      [BTF_KIND.DATASEC]: 3 * made.vlen,
      [BTF_KIND.ENUM64]: 3 * made.vlen,
      [BTF_KIND.ENUM]: 2 * made.vlen,
      [BTF_KIND.FUNC_PROTO]: 2 * made.vlen,
    };
    const length = sizes[made.kind] ?? 0;
    return { ...made, words: Array.from({ length }, (_, i) => made.words[i] ?? i) };
  });

/** Asks everything that can be asked; a failure is an error thrown. */
function askAll(bytes: Uint8Array): void {
  const btf = openBtf(bytes);
  if (btf === undefined) return;
  const types = btfTypes(btf, 8, "a test");
  for (const name of ["", "struct a", "union b", "enum c", "int", "unsigned long", ...names]) {
    types.sizeOf(name);
    types.members(name);
    for (const path of ["a", "a.b", "a[1].b", "b.c[0][2]"]) types.member(name, path);
    types.enumerator(name);
    types.variable(name);
  }
}

test("types in any order that refer to any others", () => {
  let opened = 0;
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 40 }), fc.boolean(), (entries, big) => {
      const image = btfImage(entries, { byteOrder: big ? "big" : "little" });
      askAll(image);
      if (openBtf(image) !== undefined) opened++;
    }),
    { numRuns: 1000 },
  );
  expect(opened).toBe(1000);
});

test("blobs with changed bytes", () => {
  const run = fc.property(
    fc.array(entry, { maxLength: 20 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
    (entries, changes) => {
      const image = btfImage(entries);
      for (const [at, byte] of changes) image[at % image.length] = byte;
      askAll(image);
    },
  );
  fc.assert(run, { numRuns: 1000 });
});

test("random bytes behind a header", () => {
  const run = fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 24 }), (body, header) => {
    askAll(Uint8Array.from([0x9f, 0xeb, 1, 0, ...header, ...body]));
  });
  fc.assert(run, { numRuns: 1000 });
});

describeWithDumps("a real kernel's BTF", () => {
  test("with changed bytes", async () => {
    const real = await kernelBtf("x86-6.1-kdump-tiny");
    const ask = (bytes: Uint8Array) => {
      const btf = openBtf(bytes);
      if (btf === undefined) return;
      const types = btfTypes(btf, 8, "a test");
      for (const name of ["page", "task_struct", "zone", "list_head", "net_device", "atomic_t"]) {
        types.sizeOf(name);
        for (const { name: member } of types.members(name) ?? []) types.member(name, member);
      }
      types.enumerator("PG_slab");
      types.variable("runqueues");
    };
    const run = fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 2000 }), (changes) => {
      const bytes = real.slice();
      for (const [at, byte] of changes) bytes[24 + (at % (bytes.length - 24))] = byte;
      ask(bytes);
    });
    fc.assert(run, { numRuns: 20 });
  });
});

test("a struct of 65,535 anonymous members that all hold it again ends", () => {
  const self: BtfEntry = {
    kind: BTF_KIND.STRUCT,
    name: "a",
    vlen: 0xffff,
    value: 8,
    words: Array.from({ length: 0xffff }, (_, i) => ["", 1 + (i % 3), 0]).flat(),
  };
  const types = btfTypes(
    openBtf(btfImage([self, { ...self, name: "" }, { ...self, name: "" }])) ?? fail(),
    8,
    "a test",
  );
  expect(types.member("a", "nothing")).toBeUndefined();
});

function fail(): never {
  throw new Error("not opened");
}
