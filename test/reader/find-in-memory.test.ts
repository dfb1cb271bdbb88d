/** A search of memory passes over pages that are missing or damaged, says so, and ends where there are too many; a file that cannot be read ends it. */
import { expect, test } from "vitest";
import { DumpError, type DumpErrorCode } from "../../src/errors.js";
import { runAtOnce } from "../../src/long-work.js";
import { findInMemory } from "../../src/reader/find-in-memory.js";
import type { PhysicalMemory } from "../../src/reader/physical-memory.js";

const PAGE = 4096;
const TEXT = "OSRELEASE=";
const failure = (code: DumpErrorCode, pfn: number) => new DumpError(code, `page ${pfn}`, { file: "dump", cure: "" });

/** Memory of `count` pages, each of which begins with the text; `lost` ones throw. Counts what is thrown. */
function memoryOf(count: number, lost: (pfn: number) => DumpErrorCode | undefined) {
  const counted = { thrown: 0 };
  const memory: PhysicalMemory = {
    read(into, paddr) {
      let done = 0;
      while (done < into.length && paddr + done < count * PAGE) {
        const [pfn, within] = [Math.floor((paddr + done) / PAGE), (paddr + done) % PAGE];
        const code = lost(pfn);
        if (code !== undefined) {
          counted.thrown++;
          throw failure(code, pfn);
        }
        const page = Buffer.alloc(PAGE);
        page.write(TEXT);
        done += page.copy(into, done, within, Math.min(PAGE, within + into.length - done));
      }
      return done;
    },
    next: (paddr) => (paddr < count * PAGE ? paddr : Number.POSITIVE_INFINITY),
  };
  const search = () =>
    runAtOnce(
      findInMemory(
        memory,
        Buffer.from(TEXT),
        () => false,
        (paddr, readable) => (readable.read(Buffer.alloc(4 * PAGE), paddr) > 0 ? paddr / PAGE : undefined),
      ),
    );
  return { search, counted };
}

test("pages before and behind those that are lost are searched", () => {
  const { search } = memoryOf(600, (pfn) =>
    pfn === 3 || pfn === 255 ? "TRUNCATED" : pfn === 400 ? "CORRUPT" : undefined,
  );
  const { found, damage } = search();
  expect(found).toEqual(Array.from({ length: 600 }, (_, pfn) => pfn).filter((pfn) => ![3, 255, 400].includes(pfn)));
  expect(damage?.message).toContain("page 3");
});

test("nothing lost: no damage", () => {
  expect(memoryOf(5, () => undefined).search()).toEqual({
    found: [0, 1, 2, 3, 4],
    damage: undefined,
    endedAt: undefined,
  });
});

test("of memory that is nearly all lost only some thousand pages are tried", () => {
  const { search, counted } = memoryOf(2 ** 28, (pfn) => (pfn < 10 ? undefined : "TRUNCATED"));
  const { found, damage } = search();
  expect([found.length, damage?.message.includes("page 10"), counted.thrown < 10_000]).toEqual([10, true, true]);
});

test("a file that cannot be read is asked once", () => {
  const { search, counted } = memoryOf(100, (pfn) => (pfn === 50 ? "NOT_READABLE" : undefined));
  expect(search).toThrow(expect.objectContaining({ code: "NOT_READABLE" }));
  expect(counted.thrown).toBe(1);
});
