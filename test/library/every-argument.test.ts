/** Whatever a caller without TypeScript gives to an exported function: it is taken, or it is a DumpError. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { afterAll, expect, test } from "vitest";
import * as library from "../../src/index.js";
import { temporaryFolder } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const missing = join(folder, "missing");
const vmcore = join(folder, "vmcore");
writeFileSync(vmcore, sampleDump());
const dump = library.openDump(vmcore);
afterAll(() => dump.close());

const throwing = (name: string) =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get() {
      throw new Error("a getter of the caller's");
    },
  });
const trap = () => {
  throw new Error("a proxy of the caller's");
};

const ODD: readonly unknown[] = [
  ...[undefined, null, 0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY, 1.5, 2 ** 60, 10n, -1n, 2n ** 70n],
  ...[
    "",
    "x",
    "a\0b",
    "a".repeat(100_000),
    true,
    Symbol("s"),
    () => 1,
    {},
    [],
    [null],
    [undefined],
    [5],
    [Symbol("s")],
  ],
  ...[new Map(), new Date(Number.NaN), new Uint8Array(3), Object.freeze({}), Object.create(null), Promise.resolve(1)],
  ...[throwing("path"), throwing("length"), throwing("output"), throwing("text"), throwing("spool")],
  ...[new Proxy({}, { get: trap, ownKeys: trap, has: trap }), AbortSignal.abort(), new URL("file:///x")],
];

const record = {
  seq: 1,
  nanoseconds: 1n,
  level: 6,
  facility: 0,
  caller: undefined,
  text: new Uint8Array(1),
  device: {},
  continues: false,
};

/** Arguments of which each in turn is replaced. Nothing of them leads to a run. */
const ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
  ...{ codecOf: ["zlib", 1], levelOfNames: [["zero"]], namesOfLevel: [31], formatRecord: [record, "dmesg"] },
  ...{
    parseSecrets: [Buffer.from("secret"), "name"],
    readSecrets: [missing],
    parseRawPieces: ["0"],
    parseRawPlace: ["0"],
  },
  ...{ openDump: [missing, undefined, {}], openInput: [missing, undefined, {}], openSideFile: [missing] },
  ...{ readPhysical: [dump, 0, 16], kernelOf: [dump, {}], readKernelLog: [dump, false, {}], tasksOf: [dump, {}] },
  ...{ pagesOf: [dump, {}], pageChunksOf: [dump, {}], filesOfDump: [dump, true, undefined, undefined] },
  ...{ digestFile: [missing, undefined, undefined], manifestOf: [{}], unpackVmlinux: [{}, {}] },
  ...{
    filterDump: [dump, { output: {} }],
    handOver: [dump, {}],
    verifyDump: [missing, {}],
    auditDump: [dump, { secrets: 5 }],
  },
  ...{ estimateDump: [dump, { samplePages: 0 }], reportDump: [dump, { signal: 5 }] },
  ...{ submitRun: [{}], watchRun: [{}, {}], Warnings: [{}], WorkerThreads: [0] },
};
/** Classes that only the library itself makes, or that are errors. */
const NOT_CALLED = ["DumpError", "DumpPage"];

const functions = Object.entries(library).filter(([, value]) => typeof value === "function");

test("every exported function has its arguments here", () => {
  expect(functions.map(([name]) => name).sort()).toEqual([...Object.keys(ARGUMENTS), ...NOT_CALLED].sort());
});

test.each(Object.keys(ARGUMENTS))("%s: odd values in the place of each argument", async (name) => {
  const given = ARGUMENTS[name] as readonly unknown[];
  const wrong: string[] = [];
  for (const [at] of given.entries()) {
    for (const [i, value] of ODD.entries()) {
      try {
        await called(name, given.toSpliced(at, 1, value));
      } catch (error) {
        if (!(error instanceof library.DumpError)) wrong.push(`argument ${at}, value ${i}: ${error}`);
        else if (error.message.length > 5000 || error.message.includes("\n"))
          wrong.push(`argument ${at}, value ${i}: no line`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

const file = () => {
  const closed = { count: 0 };
  const given = { name: "f", source: { size: 3, read: () => 0 }, close: () => closed.count++ };
  return { closed, given };
};
const out = { path: join(folder, "out") };

/** Slots that a wrong value in another argument would hide: all others are right. An `options` slot may be empty. */
const SLOTS: readonly (readonly [string, "dump" | "options", (value: unknown) => readonly unknown[]])[] = [
  ["filterDump", "dump", (value) => [value, { output: out }]],
  ["filterDump", "options", (value) => [dump, value]],
  ["handOver", "dump", (value) => [value, { output: out }]],
  ["handOver", "options", (value) => [dump, value]],
  ...["auditDump", "estimateDump", "reportDump", "kernelOf", "readKernelLog", "tasksOf", "pagesOf", "pageChunksOf"].map(
    (name) => [name, "dump", (value: unknown) => [value]] as const,
  ),
  ...["auditDump", "estimateDump", "reportDump", "kernelOf", "tasksOf", "pagesOf", "pageChunksOf"].map(
    (name) => [name, "options", (value: unknown) => [dump, value]] as const,
  ),
  ["readKernelLog", "options", (value) => [dump, false, value]],
  ["verifyDump", "options", (value) => [missing, value]],
  ["openDump", "options", (value) => [missing, undefined, value]],
  ["openInput", "options", (value) => [missing, undefined, value]],
  ["unpackVmlinux", "dump", (value) => [value, {}]],
  ["unpackVmlinux", "options", (value) => [file().given, value]],
  ["watchRun", "options", (value) => ["run", value]],
];

test.each(SLOTS)("%s: an odd value as its %s is BAD_OPTION where all else is right", async (name, slot, arguments_) => {
  const wrong: string[] = [];
  const odd = ODD.filter((value) => slot === "dump" || !isEmpty(value));
  expect(odd.length).toBeGreaterThan(20);
  for (const value of odd) {
    const code = await called(name, arguments_(value)).then(
      () => "nothing",
      (error: unknown) => (error instanceof library.DumpError ? error.code : String(error)),
    );
    if (code !== "BAD_OPTION") wrong.push(`value ${ODD.indexOf(value)}: ${code}`);
  }
  expect(wrong).toEqual([]);
});

/** Whether a value is options of which all are left out. */
function isEmpty(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  try {
    return Object.keys(value).length === 0;
  } catch {
    return false;
  }
}

test("unpackVmlinux closes the file that it was given, whatever is wrong", async () => {
  const { given, closed } = file();
  await expect(called("unpackVmlinux", [given, { signal: 5 }])).rejects.toMatchObject({ code: "BAD_OPTION" });
  expect(closed.count).toBe(1);
});

test.each(Object.keys(record))("formatRecord: odd values as %s of a record", (member) => {
  const wrong: string[] = [];
  for (const [i, value] of ODD.entries()) {
    for (const format of ["dmesg", "levels", "raw", "kmsg", "makedumpfile"] as const) {
      for (const one of [value, { kind: "cpu", id: value }, { SUBSYSTEM: value }]) {
        try {
          library.formatRecord({ ...record, [member]: one } as never, format);
        } catch (error) {
          if ((error as { code?: unknown }).code !== "BAD_OPTION") wrong.push(`value ${i}, ${format}: ${error}`);
        }
      }
    }
  }
  expect(wrong).toEqual([]);
});

test("bytes of another realm are bytes", () => {
  const foreign = runInNewContext("new Uint8Array([115, 101, 99, 114, 101, 116])") as Uint8Array;
  expect(foreign instanceof Uint8Array).toBe(false);
  expect(library.parseSecrets(foreign, "name")).toEqual([{ line: 1, bytes: Buffer.from("secret") }]);
  expect(library.formatRecord({ ...record, text: foreign }, "raw")).toContain("secret");
});

async function called(name: string, given: readonly unknown[]): Promise<void> {
  const target = (library as unknown as Readonly<Record<string, new (...all: unknown[]) => unknown>>)[name];
  const call = target as unknown as (...all: unknown[]) => unknown;
  const isClass = /^[A-Z]/.test(name);
  const result = await (isClass && target !== undefined ? new target(...given) : call(...given));
  const ended = result as {
    next?: () => unknown;
    return?: () => unknown;
    destroy?: () => unknown;
    close?: () => unknown;
  };
  if (typeof ended?.next === "function") {
    await ended.next();
    await ended.return?.();
  }
  await ended?.destroy?.();
  if (name === "kernelOf") await ended?.close?.();
}
