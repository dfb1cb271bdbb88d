/** Inputs that change while they are read: whatever judges or copies a dump ends with an error, not with a mixture. */
import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import {
  auditDump,
  type Dump,
  estimateDump,
  filesOfDump,
  filterDump,
  openDump,
  pageChunksOf,
  reportDump,
  verifyDump,
  Warnings,
} from "../../src/index.js";
import { rearrangeDump } from "../../src/writer/rearrange.js";
import { reassembleDump } from "../../src/writer/reassemble.js";
import { inFolder } from "../support/cli.js";
import { temporaryFolder } from "../support/filter.js";
import { flatten } from "../support/flattened-image.js";
import { failureOfAsync } from "../support/open.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const SET = [file("part1"), file("part2")];

beforeEach(async () => {
  writeFileSync(file("vmcore"), sampleDump());
  writeFileSync(file("same"), sampleDump());
  writeFileSync(file("flat"), flatten(sampleDump()));
  const dump = openDump(file("vmcore"));
  await filterDump(dump, { output: { paths: SET, force: true }, level: 0, workers: 1 });
  dump.close();
});

const grow = (name: string) => appendFileSync(file(name), "more");

async function failureWith(name: string | readonly string[], use: (dump: Dump) => Promise<unknown>) {
  const dump = openDump(name);
  try {
    return await failureOfAsync(() => use(dump));
  } finally {
    dump.close();
  }
}

const secrets = [{ line: 1, bytes: Buffer.from("no such text is in it") }];

describe("a file that changes in mid-run", () => {
  test.each<[string, (dump: Dump) => Promise<unknown>]>([
    ["audit", (dump) => auditDump(dump, { secrets, onProgress: () => grow("vmcore") })],
    ["digests", (dump) => filesOfDump(dump, true, undefined, () => grow("vmcore"))],
    [
      "pages",
      async (dump) => {
        for await (const _ of pageChunksOf(dump)) grow("vmcore");
      },
    ],
    ["verify", () => verifyDump(file("vmcore"), { workers: 1, onProgress: () => grow("vmcore") })],
  ])("%s", async (_, use) => {
    expect(await failureWith(file("vmcore"), use)).toMatchObject({ code: "INPUT_CHANGED", file: file("vmcore") });
  });

  test("the original of an audit, and of a comparison", async () => {
    const original = openDump(file("same"));
    const whole = await failureWith(file("vmcore"), (dump) =>
      auditDump(dump, { original, secrets, onProgress: () => grow("same") }),
    );
    original.close();
    expect(whole).toMatchObject({ code: "INPUT_CHANGED", file: file("same") });
    const compared = await failureWith(file("vmcore"), () =>
      verifyDump(file("vmcore"), {
        workers: 1,
        against: file("same"),
        onProgress: ({ phase }) => phase === "compare" && grow("same"),
      }),
    );
    expect(compared).toMatchObject({ code: "INPUT_CHANGED", file: file("same") });
  });

  test("the files of a set that is joined: longer, and cut off between a page's descriptor and its data", async () => {
    const join = (change: () => void) =>
      failureWith(SET, (dump) => reassembleDump(dump, { path: file("whole") }, { onProgress: change }));
    expect(await join(() => grow("part2"))).toMatchObject({ code: "INPUT_CHANGED", file: file("part2") });
    const half = Math.floor(readFileSync(file("part2")).length / 2);
    expect(await join(() => truncateSync(file("part2"), half))).toMatchObject({ file: file("part2") });
    expect(readdirSync(folder).filter((name) => name.includes("whole"))).toEqual([]);
  });

  test("a flattened file that is rearranged", async () => {
    const run = () => growAfter(rearrangeDump(file("flat"), { path: file("plain") }), "flat");
    expect(await failureOfAsync(run)).toMatchObject({ code: "INPUT_CHANGED", file: file("flat") });
    expect(readdirSync(folder).filter((name) => name.includes("plain"))).toEqual([]);
  });
});

/** Lets the file grow when the run has begun. */
async function growAfter<T>(run: Promise<T>, name = "vmcore"): Promise<T> {
  grow(name);
  return run;
}

test("bare memory may be that of a running machine: a warning, and no digest", async () => {
  writeFileSync(file("memory"), Buffer.alloc(1 << 20, 7));
  const dump = openDump(file("memory"), new Warnings(), { raw: [{ start: 0, end: undefined }] });
  const warnings = new Warnings();
  await auditDump(dump, {
    secrets,
    warnings,
    onProgress: () => writeFileSync(file("memory"), Buffer.alloc(1 << 20, 8)),
  });
  expect(warnings.list).toContainEqual(expect.objectContaining({ code: "INPUT_CHANGED" }));
  expect(await filesOfDump(dump, true)).toMatchObject([{ sha256: undefined, withoutDigest: "changed" }]);
  dump.close();
});

test("bare memory to which a machine writes first while its digest is taken, or while it is compared", async () => {
  writeFileSync(file("memory"), Buffer.alloc(1 << 20, 7));
  const open = () => openDump(file("memory"), new Warnings(), { raw: [{ start: 0, end: undefined }] });
  const write = () => appendFileSync(file("memory"), Buffer.alloc(4096));
  const dump = open();
  expect(await filesOfDump(dump, true, undefined, write)).toMatchObject([
    { sha256: undefined, withoutDigest: "changed" },
  ]);
  dump.close();
  writeFileSync(file("memory"), Buffer.alloc(1 << 20, 7));
  const [original, copied] = [open(), open()];
  await filterDump(copied, { output: { path: file("copy"), force: true }, level: 0, workers: 1 });
  copied.close();
  const result = await verifyDump(file("copy"), {
    workers: 1,
    against: original,
    onProgress: ({ phase }) => phase === "compare" && write(),
  });
  original.close();
  expect(result.notChecked).toContainEqual(expect.stringMatching(/^pages of one moment: .*memory: changed/));
});

test.each<[string, (dump: Dump, warnings: Warnings) => Promise<unknown>]>([
  [
    "estimate",
    (dump, warnings) => estimateDump(dump, { warnings, workers: 1, samplePages: 64, onProgress: () => grow("vmcore") }),
  ],
  ["report", (dump, warnings) => growAfter(reportDump(dump, { warnings }))],
])("what only looks at a dump that grows shows it, with a warning: %s", async (_, use) => {
  const [dump, warnings] = [openDump(file("vmcore")), new Warnings()];
  await use(dump, warnings);
  dump.close();
  expect(warnings.list).toContainEqual(expect.objectContaining({ code: "INPUT_CHANGED" }));
});
