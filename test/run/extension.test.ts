/** Extensions: a module's decisions go before the level, in the workers; what is wrong with it is one line. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { brotliDecompressSync, gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import {
  codecOf,
  type FilterOptions,
  filterDump,
  openDump,
  openSideFile,
  pagesOf,
  unpackVmlinux,
  WorkerThreads,
} from "../../src/index.js";
import { expectFailure, inFolder, runCli } from "../support/cli.js";
import { describeWithDumps, realDump, realVmlinux } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";
import { toElf } from "../support/kernel-dump.js";
import { buildKernel } from "../support/kernel-image.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const vmcore = file("vmcore");

beforeAll(() => {
  const packed = fileURLToPath(new URL("../../samples/linux-6.1-x86_64.vmcore.br", import.meta.url));
  writeFileSync(vmcore, brotliDecompressSync(readFileSync(packed)));
});

let modules = 0;
/** Writes a module: one of its own for each test, for threads remember what they loaded. */
function extension(text: string): string {
  const path = file(`extension-${modules++}.mjs`);
  writeFileSync(path, text);
  return path;
}

async function filter(output: string, options: Partial<FilterOptions>, input = vmcore) {
  const dump = openDump(input);
  try {
    return await filterDump(dump, {
      ...{
        output: { path: file(output), force: true },
        level: 31,
        format: "kdump",
        codec: codecOf("none"),
        workers: 1,
      },
      ...options,
    });
  } finally {
    dump.close();
  }
}

/** Pfns in a dump. */
async function pfnsOf(path: string): Promise<Set<number>> {
  const dump = openDump(path);
  const pfns = new Set<number>();
  for await (const { pfn } of pagesOf(dump)) pfns.add(pfn);
  dump.close();
  return pfns;
}

test("keep goes before drop by level, drop before keep, and undefined leaves it to the level", async () => {
  const path = extension(`export function decide({ class: kind, pfn }) {
    if (kind === "user") return pfn % 2 === 0 ? "keep" : undefined;
    if (kind === "kept" && pfn % 16 === 3) return "drop";
    if (kind === "free") return "drop";
  }`);
  const plain = await filter("plain", {});
  const result = await filter("out", { extension: { path } });
  const [before, after] = [await pfnsOf(file("plain")), await pfnsOf(file("out"))];
  const added = [...after].filter((pfn) => !before.has(pfn));
  const removed = [...before].filter((pfn) => !after.has(pfn));
  expect(added.length).toBeGreaterThan(500);
  expect(new Set(added.map((pfn) => pfn % 2))).toEqual(new Set([0]));
  expect(removed.length).toBeGreaterThan(50);
  expect(new Set(removed.map((pfn) => pfn % 16))).toEqual(new Set([3]));
  expect(result.extension).toMatchObject({ file: path, kept: plain.classes.user - result.classes.user, refused: 0 });
  expect(result.classes.extension).toBe(result.extension?.dropped);
  expect(result.classes.free).toBe(plain.classes.free);
  expect(Object.values(result.classes).reduce((a, b) => a + b)).toBe(result.inputPages - result.beyondMemMap);
});

test("the same bytes for any number of workers, and from a file URL", async () => {
  const path = extension(
    `export const decide = (page) => page.refcount === 1 && page.mapcount === -1 ? "drop" : undefined;`,
  );
  await filter("one", { extension: { path }, workers: 1 });
  const { extension: decided } = await filter("four", { extension: { path: pathToFileURL(path) }, workers: 4 });
  expect(decided?.dropped).toBeGreaterThan(100);
  expect(readFileSync(file("four")).equals(readFileSync(file("one")))).toBe(true);
});

test("a page shows its struct page, its head and its bytes; prepare gets the kernel and the settings", async () => {
  const path = extension(`
    let kernel, wanted;
    export async function prepare(k, settings) { kernel = k; wanted = settings.pfn; }
    export function decide(page) {
      if (page.pfn !== wanted) return;
      const { paddr, flags, mapping, mapcount, refcount, struct, structAddress, headAddress, classNumber } = page;
      const word = kernel.readWord(structAddress);
      const same = word === flags && struct.getBigUint64(0, true) === word && page.headStruct.byteLength === struct.byteLength;
      const text = [kernel.utsname.release, paddr, same, typeof mapping, mapcount, refcount, headAddress === structAddress, classNumber, Buffer.from(page.read()).length];
      throw new Error(text.join(" "));
    }`);
  const dump = openDump(vmcore);
  let pfn = 0;
  for await (const page of pagesOf(dump, { classes: ["user"] })) pfn = page.pfn;
  dump.close();
  await expect(filter("shown", { extension: { path, settings: { pfn } } })).rejects.toMatchObject({
    code: "EXTENSION",
    file: path,
    message: expect.stringMatching(
      new RegExp(
        `: failed at pfn ${pfn} \\(0x[0-9a-f]+\\): Error: 6.1.192-tiny ${pfn * 4096} true bigint \\d+ \\d+ true 3 4096\\.`,
      ),
    ),
  });
});

test("pages with memory errors cannot be kept, nor any with --privacy", async () => {
  const path = extension(`export const decide = () => "keep";`);
  writeFileSync(
    file("built"),
    toElf(
      buildKernel({
        pages: [
          { pfn: 512, kind: "hwpoison" },
          { pfn: 513, kind: "anon" },
        ],
      }),
      { style: "qemu" },
    ),
  );
  const kept = await filter("kept", { extension: { path } }, file("built"));
  expect(kept.extension).toMatchObject({ refused: 1 });
  expect(kept.classes).toMatchObject({ hwpoison: 1, user: 0 });
  const plain = await filter("private-plain", { privacy: true });
  const secret = await filter("private", { privacy: true, extension: { path } });
  expect(secret.extension).toMatchObject({ kept: 0, dropped: 0 });
  expect(readFileSync(file("private")).equals(readFileSync(file("private-plain")))).toBe(true);
  expect(secret.classes).toEqual({ ...plain.classes, extension: 0 });
});

test("an extension may drop more with --privacy", async () => {
  const path = extension(`export const decide = ({ pfn }) => pfn % 2 ? "drop" : undefined;`);
  const { classes, extension: decided } = await filter("private-more", { privacy: true, extension: { path } });
  expect(decided?.dropped).toBeGreaterThan(500);
  expect(classes.extension).toBe(decided?.dropped);
});

test.each([
  ["export const answer = 42;", "exports no function `decide`"],
  ["export const decide = ;", "cannot be loaded: SyntaxError"],
  ["export const decide = () => true;", /answered true at pfn \d+, which is not "keep", "drop" or undefined/],
  ["export const decide = async () => 'keep';", /answered a promise at pfn \d+/],
  [
    "export const prepare = () => { throw new TypeError('no'); }; export const decide = () => {};",
    "failed in prepare: TypeError: no",
  ],
  [
    "export const decide = ({ pfn }) => { if (pfn === 5) throw new RangeError('five'); };",
    "failed at pfn 5 (0x5): RangeError: five",
  ],
])("%s", async (text, message) => {
  const path = extension(text);
  const run = await runCli([vmcore, file("bad"), "--extension", path]);
  expectFailure(run, 1, path, message);
});

test("on the command line: its class is counted, and what it prints does not get into the dump", async () => {
  const path = extension(`console.log("hello");
    export const decide = ({ pfn, class: kind }) => { if (kind === "kept" && pfn % 4 === 0) return "drop"; };`);
  expectFailure(await runCli([vmcore, file("none"), "--extension", join(folder, "none.mjs")]), 1, "is not there");
  const run = await runCli([vmcore, file("cli"), "--extension", path]);
  expect(run.stdout.toString()).toMatch(/dropped by the extension +\d+/);
  const flat = await runCli(["-F", vmcore, "--extension", path]);
  expect(flat.stdout.includes("hello")).toBe(false);
  expect(flat.stdout.subarray(0, 12).toString()).toBe("makedumpfile");
});

test.each([
  ["decide never returns", "decide() { tell(); for (;;); }"],
  ["what it throws never becomes text", "decide() { throw { toString() { tell(); for (;;); } }; }"],
  ["prepare never ends", "prepare() { tell(); return new Promise(() => {}); } export function decide() {}"],
])("%s: a stop is heard, and the threads work for others again", async (_, text) => {
  const begun = new Int32Array(new SharedArrayBuffer(4));
  const tell = "const tell = () => { Atomics.store(begun, 0, 1); };";
  const path = extension(
    `let begun; ${tell} ${text.includes("prepare") ? "" : "export function prepare(_, settings) { begun = settings; }"}
     export function ${text.replace("prepare() {", "prepare(_, settings) { begun = settings;")}`,
  );
  const workers = new WorkerThreads(1);
  try {
    const stop = new AbortController();
    const run = filter("out", { extension: { path, settings: begun }, signal: stop.signal, workers });
    while (Atomics.load(begun, 0) === 0) await sleep(5);
    stop.abort();
    await expect(run).rejects.toMatchObject({ code: "ABORTED" });
    const [alone, after] = [await filter("alone", {}), await filter("after", { workers })];
    expect(after.classes).toEqual(alone.classes);
    expect(readFileSync(file("after")).equals(readFileSync(file("alone")))).toBe(true);
  } finally {
    await workers.destroy();
  }
});

test.each([
  ["throw Object.create(null)", "failed at pfn 0 (0x0): a value of type object"],
  ["return 10n", "answered a value of type bigint at pfn 0"],
  ["const a = []; a.push(a); return a", "answered a value of type object at pfn 0"],
  ['return { toJSON() { throw new Error("no") } }', "answered a value of type object at pfn 0"],
  ['return Symbol("x")', "answered Symbol(x) at pfn 0"],
  ["process.exit(0)", "the thread in which it runs has ended: worker exited with code: 0"],
  ['Promise.reject(new Error("late"))', "the thread in which it runs has ended: late"],
])("an extension that does %s is named, and not called a mistake of coresieve's", async (text, message) => {
  const path = extension(`export function decide() { ${text}; }`);
  const run = filter("wrong", { extension: { path } });
  await expect(run).rejects.toMatchObject({ code: "EXTENSION" });
  await expect(run).rejects.toThrow(`${path}: ${message}`);
});

describeWithDumps("a kernel without types of its own", () => {
  test("a packed vmlinux, which no path leads to, is read in the threads", async () => {
    const packed = file("vmlinux.gz");
    writeFileSync(packed, gzipSync(readFileSync(await realVmlinux()), { level: 1 }));
    const path = extension(`
      export function prepare(kernel) {
        if (!(kernel.types?.sizeOf("task_struct") > 0)) throw new Error("no types");
      }
      export function decide() {}
    `);
    const vmlinux = await unpackVmlinux(await openSideFile(packed));
    try {
      const { vmcore: input } = await realDump("tiny-x86-6.1-nokaslr");
      await filter("of-packed", { extension: { path }, vmlinux }, input);
    } finally {
      vmlinux.close();
    }
  });
});
