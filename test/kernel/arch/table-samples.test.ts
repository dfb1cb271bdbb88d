/** Of a large direct map in the smallest pages a sample of tables is looked at: time does not grow with the machine. */
import { expect, test } from "vitest";
import { evenLevels } from "../../../src/kernel/arch/page-walk.js";
import { sampleDistances } from "../../../src/kernel/arch/table-samples.js";
import type { DecodeEntry } from "../../../src/kernel/arch/table-shape.js";

const GIB = 2 ** 30;
const PAGE = 4096;
/** Where the map begins, as the tables index it. */
const BASE = 2 ** 47;
/** Tables lie above all memory: each at a place that says its level and what it maps. */
const TABLES = 2 ** 46;

/** x86-64's four levels, made up as they are read: `bytes` of memory at BASE in pages of 4 KiB. */
function madeUp(bytes: number) {
  const levels = evenLevels(48, 12, 9);
  const decode: DecodeEntry = (entry, level) =>
    entry === 0n ? undefined : level === 3 ? { page: Number(entry) - 1, shift: 12 } : { table: Number(entry) };
  let reads = 0;
  const place = (level: number, vaddr: number) => TABLES + (level * 2 ** 36 + vaddr / PAGE) * PAGE;
  const memory = {
    read(into: Uint8Array, paddr: number): number {
      reads++;
      const at = (paddr - TABLES) / PAGE;
      const level = Math.floor(at / 2 ** 36);
      const base = (at % 2 ** 36) * PAGE;
      const span = 2 ** (levels[level]?.shift ?? 0);
      const view = new DataView(into.buffer);
      for (let i = 0; i < 512; i++) {
        const vaddr = base + i * span;
        const paddrAt = vaddr - BASE;
        if (paddrAt + span <= 0 || paddrAt >= bytes) continue;
        view.setBigUint64(8 * i, BigInt(level === 3 ? paddrAt + 1 : place(level + 1, vaddr)), true);
      }
      return into.length;
    },
    next: () => Number.POSITIVE_INFINITY,
  };
  const shape = { root: place(0, 0), levels, entrySize: 8, littleEndian: true } as const;
  const sample = () =>
    sampleDistances({ shape, decode }, { memory, ranges: [{ start: 0, end: bytes }], pageSize: PAGE });
  return { sample, reads: () => reads };
}

test.each([1, 5, 64])("%s GiB", (gibibytes) => {
  const { sample, reads } = madeUp(gibibytes * GIB);
  const found = [...sample().distances];
  expect(found.map(([distance]) => distance)).toEqual([BASE / PAGE]);
  // All of it, by what was looked at.
  expect(found[0]?.[1]).toBe((gibibytes * GIB) / PAGE);
  // Eight bottom tables for each GiB.
  expect(reads()).toBe(2 + 9 * gibibytes);
});

test("a machine of 32 TiB costs no more than 4,096 tables", () => {
  const { sample, reads } = madeUp(32 * 1024 * GIB);
  expect([...sample().distances.keys()]).toEqual([BASE / PAGE]);
  expect(reads()).toBeLessThanOrEqual(4096);
});
