/** Tasks of pass 1: wherever memory is cut into tasks, each page gets the class of its description. */
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { initialPlan } from "../../src/filter/plan.js";
import { policyOfLevel } from "../../src/filter/policy.js";
import { attachMemory } from "../../src/reader/attach.js";
import { clearBits, countBits, nextRun, runsFrom } from "../../src/reader/bitmap.js";
import { openDump } from "../../src/reader/open.js";
import { openOwnSession, withView } from "../../src/run/own-session.js";
import { scanPages, scanState } from "../../src/worker/scan.js";
import type { ScanResult } from "../../src/worker/tasks.js";
import { temporaryFolder } from "../support/filter.js";
import { menagerie } from "../support/kernel/menagerie.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel } from "../support/kernel-image.js";

const folder = temporaryFolder();
const LEVEL = 30;

test.each(["5.10.0", "6.12.0"])("%s: blocks across a border, too", async (release) => {
  const kernel = buildKernel({ release, pages: menagerie(release) });
  const path = join(folder, release);
  writeElf(path, kernel);
  const dump = openDump(path);
  const { view } = withView(await openOwnSession(dump));
  const policy = policyOfLevel(LEVEL);
  const expected = [...kernel.pfns()].filter((pfn) => kernel.classAt(pfn, LEVEL) === "keep");
  const { maxMapnr } = initialPlan(dump, view);
  fc.assert(
    fc.property(fc.array(fc.nat(Math.floor(maxMapnr / 8))), (cuts) => {
      const plan = initialPlan(dump, view);
      const context = { space: view.space, memMap: view.memMap, pageLayout: view.layout, policy };
      const state = scanState(attachMemory(dump.image), dump.pageSize, plan.kept, context);
      const borders = [...new Set([0, ...cuts.map((cut) => cut * 8), maxMapnr])].sort((a, b) => a - b);
      const rests: NonNullable<ScanResult["rest"]>[] = [];
      let dropped = 0;
      let badOrders = 0;
      for (let i = 1; i < borders.length; i++) {
        const task = { startPfn: borders[i - 1] as number, endPfn: borders[i] as number };
        const before = countBits(plan.kept, 0, maxMapnr);
        const result = scanPages(state, task);
        const counted = result.dropped.reduce((sum, pages) => sum + pages, 0);
        // What a task says that it dropped is what it dropped, and only there.
        expect(before - countBits(plan.kept, 0, maxMapnr)).toBe(counted);
        dropped += counted;
        badOrders += result.badOrders;
        if (result.rest !== undefined) rests.push(result.rest);
        expect(result).toMatchObject({ unreadable: 0, withoutStructPage: 0 });
      }
      for (const { startPfn, endPfn } of rests) dropped += clearBits(plan.kept, startPfn, Math.min(endPfn, maxMapnr));
      const kept: number[] = [];
      for (const run = runsFrom(0); nextRun(plan.kept, run, maxMapnr); ) {
        for (let pfn = run.start; pfn < run.end; pfn++) kept.push(pfn);
      }
      expect(kept).toEqual(expected);
      // One free page of them states an order that cannot be.
      expect(badOrders).toBe(1);
      expect(dropped).toBe(plan.inputPages - plan.beyondMemMap - kept.length);
      state.classifier.end();
    }),
    { numRuns: 30 },
  );
  dump.close();
});
