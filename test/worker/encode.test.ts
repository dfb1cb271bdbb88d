/** What a task of pass 2 leaves in its slot: a record for each kept page, and the pages' bytes without gaps. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { initialPlan } from "../../src/filter/plan.js";
import { RECORD_FLAGS_SHIFT, RECORD_SIZE_MASK } from "../../src/page-record.js";
import { clearBits, copyOfBitmap, testBit } from "../../src/reader/bitmap.js";
import { openDump } from "../../src/reader/open.js";
import { encodePages, encodeState } from "../../src/worker/encode.js";
import { createSlotMemory, slotLayout } from "../../src/worker/slots.js";
import { noiseBytes } from "../support/bytes.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";

const PAGE = 4096;
const PAGES = 96;
const COMPRESSED_ZLIB = 1;
const folder = temporaryFolder();

/** Page by page: zeros, the same byte, or bytes that no codec makes smaller. */
function contentOf(pfn: number): Uint8Array {
  if (pfn % 3 === 2) return noiseBytes(pfn, PAGE);
  return new Uint8Array(PAGE).fill(pfn % 3 === 0 ? 0 : pfn);
}

const path = join(folder, "dump");
const header = Buffer.alloc(PAGE);
header.set(buildElf({ notes: [], loads: [{ paddr: 0, offset: PAGE, filesz: PAGES * PAGE }] }));
writeFileSync(path, Buffer.concat([header, ...Array.from({ length: PAGES }, (_, pfn) => contentOf(pfn))]));
const dump = openDump(path);
afterAll(() => dump.close());

describe.each(["none", "zlib"] as const)("%s", (name) => {
  test.each([true, false])("any pages of any range, with pages of zeros as records only: %s", async (dropZeros) => {
    const all = initialPlan(dump, undefined).kept;
    const layout = slotLayout(2, PAGE);
    const memory = createSlotMemory(layout);
    const bytes = new Uint8Array(memory.buffer);
    const dropped = fc.array(fc.record({ start: fc.nat(PAGES - 1), pages: fc.integer({ min: 1, max: 20 }) }));
    const range = fc.tuple(fc.nat(PAGES / 8), fc.nat(PAGES / 8)).filter(([a, b]) => a < b);
    await fc.assert(
      fc.asyncProperty(dropped, range, fc.nat(1), async (gaps, [first, last], slot) => {
        const kept = copyOfBitmap(all);
        for (const { start, pages } of gaps) clearBits(kept, start, Math.min(PAGES, start + pages));
        const { image, pageSize } = dump;
        const context = {
          id: 1,
          image,
          pageSize,
          kept,
          kernel: undefined,
          memory,
          layout,
          codec: codecOf(name, undefined),
        };
        const state = await encodeState({ ...context, dedupe: false, ended: new Int32Array(1) });
        const task = { startPfn: first * 8, endPfn: last * 8, slot, dropZeros };
        const result = encodePages(state, task);
        const wanted = Array.from({ length: (last - first) * 8 }, (_, i) => first * 8 + i).filter((pfn) =>
          testBit(kept, pfn),
        );
        expect(result.pages).toBe(wanted.length);
        const records = new Uint32Array(bytes.buffer, slot * layout.size + layout.records, wanted.length);
        let at = result.offset;
        let zeros = 0;
        for (const [i, pfn] of wanted.entries()) {
          const record = records[i] as number;
          const isZero = dropZeros && pfn % 3 === 0;
          if (isZero) zeros++;
          const size = record & RECORD_SIZE_MASK;
          const stored = bytes.slice(at, at + size);
          const page = isZero
            ? Buffer.alloc(PAGE)
            : (record >>> RECORD_FLAGS_SHIFT) & COMPRESSED_ZLIB
              ? inflateSync(stored)
              : stored;
          expect(record === 0).toBe(isZero);
          expect(Buffer.compare(page, contentOf(pfn))).toBe(0);
          at += size;
        }
        expect(result).toMatchObject({ zeroPages: zeros, length: at - result.offset, cleared: 0, slot });
        expect(at).toBeLessThanOrEqual((slot + 1) * layout.size);
      }),
      { numRuns: 25 },
    );
  });
});
