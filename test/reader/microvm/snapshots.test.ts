/** Snapshots of Firecracker and cloud-hypervisor: the ranges of their memory files, from every form of their states, and what is wrong is named. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { DumpError } from "../../../src/errors.js";
import { openDump } from "../../../src/reader/open.js";
import { openFile as openPlainFile } from "../../../src/reader/source/byte-source.js";
import { Warnings } from "../../../src/warnings.js";
import { patternBytes } from "../../support/bytes.js";
import { describeWithDumps, readGolden, realDump } from "../../support/dumps.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { goldenKept, keptPages } from "../../support/golden.js";
import {
  buildCloudHypervisorState,
  buildFirecrackerState,
  buildOldCloudHypervisorState,
  type ManagerForm,
  type RangeList,
  type StateRange,
} from "../../support/microvm-state.js";
import { failureOf } from "../../support/open.js";
import { ramOf } from "../../support/raw-image.js";

const folder = join(temporaryFolder(), "snapshot");
const [state, json, memory] = [join(folder, "snap"), join(folder, "state.json"), join(folder, "memory-ranges")];
const GIB = 2 ** 30;
const low = patternBytes("low ", 5 * 4096);
const high = patternBytes("high ", 3 * 4096);
const both = Buffer.concat([low, high]);
const ranges: readonly StateRange[] = [
  { start: 0, length: low.length },
  { start: 4 * GIB, length: high.length },
];

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
});

function opened(files: Readonly<Record<string, Uint8Array>>, named: readonly string[], salvage = false) {
  for (const [path, bytes] of Object.entries(files)) writeFileSync(path, bytes);
  const warnings = new Warnings();
  const dump = openDump(named, warnings, { salvage });
  const into = Buffer.alloc(high.length);
  const last = dump.ranges.at(-1) as { start: number };
  const read = dump.memory.read(into, last.start);
  dump.close();
  return { dump, into: into.subarray(0, read), codes: warnings.list.map(({ code }) => code) };
}

describe("a snapshot of Firecracker", () => {
  const forms: readonly RangeList[] = ["places", "pairs"];
  test.each(forms)("the ranges of its state, in a list of %s", (kind) => {
    for (const named of [
      [state, memory],
      [memory, state],
    ]) {
      const { dump, into, codes } = opened({ [state]: buildFirecrackerState(ranges, { kind }), [memory]: both }, named);
      expect(dump.ranges).toEqual(ranges.map(({ start, length }) => ({ start, end: start + length })));
      expect(into.equals(high)).toBe(true);
      expect([dump.header.format, dump.machine.arch, dump.machineGuessed, codes]).toEqual([
        ...["firecracker", "x86_64", false, []],
      ]);
    }
  });

  test.each([
    ["x86_64", [{ start: 0, end: both.length }]],
    ["arm64", [{ start: 2 * GIB, end: 2 * GIB + both.length }]],
  ] as const)("a state whose numbers are packed, %s: memory as Firecracker lays it out", (arch, expected) => {
    const { dump } = opened({ [state]: buildFirecrackerState([], { kind: "packed", arch }), [memory]: both }, [
      state,
      memory,
    ]);
    expect(dump.ranges).toEqual(expected);
    expect(dump.machine.arch).toBe(arch);
  });

  test("without its memory file it says what to name", () => {
    writeFileSync(state, buildFirecrackerState(ranges));
    expect(failureOf(() => openDump(state))).toMatchObject({
      code: "BAD_OPTION",
      what: "has its memory in another file, which was not named",
      cure: expect.stringContaining("SNAPSHOT"),
    });
  });

  test("a memory file of another state, or one that is cut off, is refused, and salvaged as far as it goes", () => {
    const files = { [state]: buildFirecrackerState([{ start: 0, length: 16 << 20 }]), [memory]: low };
    expect(failureOf(() => opened(files, [state, memory]))).toMatchObject({ code: "TRUNCATED", file: memory });
    const { dump, codes } = opened(files, [state, memory], true);
    expect(dump.ranges).toEqual([{ start: 0, end: low.length }]);
    expect(codes).toEqual(["CUT_OFF"]);
  });

  test("a state that is longer than Firecracker's own limit is refused", () => {
    writeFileSync(state, Buffer.concat([buildFirecrackerState(ranges), Buffer.alloc(11 << 20)]));
    writeFileSync(memory, both);
    expect(failureOf(() => openDump([state, memory])).code).toBe("LIMIT");
  });
});

describe("a snapshot of cloud-hypervisor", () => {
  const forms: readonly ManagerForm[] = ["object", "text", "json bytes", "plain bytes"];
  test.each(forms)("the ranges of state.json as %s, memory-ranges beside it", (form) => {
    const { dump, into, codes } = opened({ [json]: buildCloudHypervisorState(ranges, form), [memory]: both }, [json]);
    expect(dump.ranges).toEqual(ranges.map(({ start, length }) => ({ start, end: start + length })));
    expect(into.equals(high)).toBe(true);
    expect([dump.header.format, codes]).toEqual(["cloud-hypervisor", []]);
  });

  test.each(forms)("ranges in the order of its zones, %s: memory that was plugged in lies first", (form) => {
    const list = [...ranges].reverse();
    const files = { [json]: buildCloudHypervisorState(list, form), [memory]: Buffer.concat([high, low]) };
    const { dump, into } = opened(files, [json]);
    expect(dump.ranges).toEqual(ranges.map(({ start, length }) => ({ start, end: start + length })));
    expect(into.equals(high)).toBe(true);
  });

  test("memory-ranges that is too short is refused, and salvaged as far as it goes", () => {
    const files = { [json]: buildCloudHypervisorState(ranges), [memory]: both.subarray(0, low.length + 4096) };
    expect(failureOf(() => opened(files, [json]))).toMatchObject({ code: "TRUNCATED", file: memory });
    const { dump, codes } = opened(files, [json, memory], true);
    expect(dump.ranges.at(-1)).toEqual({ start: 4 * GIB, end: 4 * GIB + 4096 });
    expect([dump.header.incomplete, codes]).toEqual([true, ["CUT_OFF"]]);
  });

  test.each([
    ["memory-ranges is not there", buildCloudHypervisorState(ranges), "NOT_READABLE"],
    ["no memory manager", Buffer.from('{"snapshots":{}}'), "CORRUPT"],
    ["no ranges", buildCloudHypervisorState([]), "NOT_READABLE"],
    ["JSON that is cut off", buildCloudHypervisorState(ranges).subarray(0, 90), "CORRUPT"],
  ] as const)("%s is named", (_, bytes, code) => {
    writeFileSync(json, bytes);
    expect(failureOf(() => openDump(json))).toMatchObject({ code, file: json });
  });

  test("memory-ranges that may not be read is not asked for by name: the permission is what is missing", () => {
    writeFileSync(json, buildCloudHypervisorState(ranges));
    const openFile = (path: string) => {
      if (path === json) return openPlainFile(path);
      throw new DumpError("NOT_READABLE", "cannot be opened: permission denied", {
        cure: "Check your permission to read it",
        cause: Object.assign(new Error("denied"), { code: "EACCES" }),
      });
    };
    expect(failureOf(() => openDump(json, new Warnings(), { openFile }))).toMatchObject({
      file: json,
      cure: "Check your permission to read it",
    });
  });

  test.each([
    [
      "ranges in each other",
      [
        { start: 0, length: 8192 },
        { start: 4096, length: 4096 },
      ],
    ],
    ["a range that is no number", [{ start: Number.NaN, length: 4096 }]],
    ["half a page", [{ start: 0, length: 100 }]],
    ["none", []],
  ])("%s is damage", (_, list) => {
    writeFileSync(json, buildCloudHypervisorState(list));
    writeFileSync(memory, both);
    expect(failureOf(() => openDump(json))).toMatchObject({ code: "CORRUPT", what: "has no list of memory ranges" });
  });

  test("an old one, with a file for each range, says how to name them", () => {
    writeFileSync(json, buildOldCloudHypervisorState(ranges));
    const failure = failureOf(() => openDump(json));
    expect(failure.code).toBe("UNSUPPORTED");
    expect(failure.cure).toContain("memory-region-0@0x0 memory-region-1@0x100000000");
    writeFileSync(json, buildOldCloudHypervisorState([{ start: Number.NaN, length: 4096 }]));
    expect(failureOf(() => openDump(json)).message).not.toContain("NaN");
  });
});

describeWithDumps("the memory of a real dump as such snapshots", () => {
  test.each(["tiny-x86-6.1", "tiny-x86-6.12"])("%s: the same pages are kept", async (name) => {
    const pieces = ramOf((await realDump(name)).vmcore);
    const list = pieces.map(({ start, data }) => ({ start, length: data.length }));
    writeFileSync(memory, Buffer.concat(pieces.map(({ data }) => data)));
    writeFileSync(state, buildFirecrackerState(list));
    writeFileSync(json, buildCloudHypervisorState(list));
    const output = join(folder, "output");
    for (const named of [[state, memory], [json]]) {
      await filterFile(named, output);
      expect(keptPages(output)).toEqual(goldenKept(readGolden(name), 31));
    }
  });
});
