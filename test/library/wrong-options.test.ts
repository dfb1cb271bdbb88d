/** What callers without TypeScript may get wrong is a DumpError of one code, before anything is opened, read or written: in every function that has options. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as library from "../../src/index.js";
import { temporaryFolder } from "../support/filter.js";
import { failureOfAsync } from "../support/open.js";

const folder = temporaryFolder();
/** A dump that fails as soon as it is looked at. */
const members = { memory: 1, image: 1, ranges: 1 };
const dump = new Proxy(members, { get: () => expect.unreachable("the dump was looked at") }) as unknown as library.Dump;
const file = join(folder, "missing");
const filter = { level: 31, format: "kdump", codec: library.codecOf("none"), output: { path: join(folder, "out") } };

/** What each function is called with, where nothing is wrong with it but what a test adds. */
const CALLS: Readonly<Record<string, (options: never) => unknown>> = {
  filterDump: (options: object) => library.filterDump(dump, { ...filter, ...options } as never),
  openDump: (options: object) => library.openDump(file, undefined, options),
  openInput: (options: object) => library.openInput(file, undefined, options),
  estimateDump: (options: object) => library.estimateDump(dump, options),
  verifyDump: (options: object) => library.verifyDump(file, options),
  auditDump: (options: object) => library.auditDump(dump, options),
  reportDump: (options: object) => library.reportDump(dump, options),
  kernelOf: (options: object) => library.kernelOf(dump, options),
  pagesOf: (options: object) => library.pagesOf(dump, options).next(),
  pageChunksOf: (options: object) => library.pageChunksOf(dump, options).next(),
  Warnings: (options: object) => new library.Warnings(options),
};

async function refused(call: () => unknown, says: RegExp): Promise<void> {
  const error = await failureOfAsync(async () => call());
  expect(error).toMatchObject({ code: "BAD_OPTION", message: expect.stringMatching(says) });
  expect(readdirSync(folder)).toEqual([]);
}

const call = (name: string) => CALLS[name] as (options: unknown) => unknown;

test.each(Object.keys(CALLS))("%s: a name that it does not know, and options that are none", async (name) => {
  await refused(() => call(name)({ bogus: 1 }), /^unknown option "bogus"\. There are |^unknown option "bogus"\. Did/);
  if (name !== "filterDump") {
    await refused(() => call(name)(null), /^what was given as options is null\. Give an object$/);
    await refused(() => call(name)("x"), /^what was given as options is "x"\. Give an object$/);
  }
});

test.each([
  ["filterDump", { sizelimit: 5 }, /unknown option "sizelimit"\. Did you mean "sizeLimit"\?/],
  ["filterDump", { output: { path: 5 } }, /the option output\.path is 5\. Give the name of a file/],
  ["filterDump", { output: { path: "a\0b" } }, /the option output\.path is "a\\u0000b"\. Give the name of a file/],
  ["filterDump", { output: { path: file, pack: "rar" } }, /output\.pack is "rar"\. Give one of zstd, lz4, gzip/],
  [
    "filterDump",
    { output: { path: file, forse: true } },
    /unknown member of the option output "forse"\. Did you mean "force"\?/,
  ],
  ["filterDump", { output: { path: file, stream: process.stdout } }, /names several places/],
  ["filterDump", { output: { path: file, force: "no" } }, /output\.force is "no"\. Give true or false/],
  ["filterDump", { output: { paths: "a" } }, /output\.paths is "a"\. Give an array/],
  ["filterDump", { output: { paths: ["a", 5] } }, /output\.paths\[1\] is 5/],
  ["filterDump", { output: { stream: {} } }, /output\.stream is another object\. Give a writable stream/],
  ["filterDump", { fallbackLevels: 31 }, /fallbackLevels is 31\. Give an array/],
  ["filterDump", { fallbackLevels: [32] }, /fallbackLevels\[0\] is 32\. Give a whole number from 0 to 31/],
  ["filterDump", { level: "31" }, /level is "31"\. Give a whole number from 0 to 31/],
  ["filterDump", { signal: {} }, /signal is another object\. Give an AbortSignal/],
  ["filterDump", { signal: new AbortController() }, /signal is another object\. Give an AbortSignal/],
  ["filterDump", { sizeLimit: -1 }, /sizeLimit is -1\. Give a whole number, at least 1/],
  ["filterDump", { sizeLimit: Number.NaN }, /sizeLimit is NaN/],
  ["filterDump", { privacy: "yes" }, /privacy is "yes"\. Give /],
  ["filterDump", { privacyExtra: ["x"] }, /privacyExtra\[0\] is "x"\. Give one of registers, tty/],
  ["filterDump", { workers: 0 }, /workers is 0\. Give a whole number from 1 to 256/],
  ["filterDump", { workers: {} }, /workers is another object/],
  ["filterDump", { erase: "rules" }, /erase is "rules"\. Give an object/],
  ["filterDump", { extension: "x.mjs" }, /extension is "x\.mjs"\. Give an object/],
  ["filterDump", { warnings: [] }, /warnings is an array of 0/],
  ["filterDump", { onProgress: 1 }, /onProgress is 1\. Give a function/],
  ["filterDump", { vmcoreinfo: { text: 1, name: "x" } }, /vmcoreinfo\.text is 1/],
  ["filterDump", { vmlinux: 7 }, /vmlinux is 7/],
  ["filterDump", { spool: { dir: 1 } }, /spool\.dir is 1/],
  ["openDump", { raw: "0-3G" }, /raw is "0-3G"\. Give an array/],
  ["openDump", { machine: "arm64" }, /machine is "arm64"\. Give a Machine/],
  ["openInput", { spool: { limit: -1 } }, /spool\.limit is -1/],
  ["estimateDump", { codecs: ["zip"] }, /codecs\[0\] is "zip"\. Give one of none, zlib/],
  ["estimateDump", { samplePages: 0 }, /samplePages is 0/],
  ["verifyDump", { against: 5 }, /against is 5/],
  ["verifyDump", { open: { salvage: true } }, /unknown member of the option open "salvage"/],
  ["auditDump", { secrets: ["x"] }, /secrets\[0\] is "x"/],
  ["auditDump", { original: "vmcore" }, /original is "vmcore"\. Give a dump/],
  ["pagesOf", { kinds: ["slabs"] }, /kinds\[0\] is "slabs"\. Give one of /],
  ["pagesOf", { classes: "free" }, /classes is "free"\. Give an array/],
  ["pageChunksOf", { kinds: ["slab"] }, /unknown option "kinds"/],
  ["Warnings", { strict: 1 }, /strict is 1\. Give true or false/],
])("%s(%j)", async (name, options, says) => {
  await refused(() => call(name)(options), says);
});

test.each<[string, () => unknown, RegExp]>([
  [
    "filterDump of a name",
    () => library.filterDump("vmcore" as never, filter as never),
    /the argument input is "vmcore"\. Give a dump/,
  ],
  ["openDump of nothing", () => library.openDump([]), /the argument paths is an array of 0\. Give 1 or more/],
  ["openDump of a number", () => library.openDump(5 as never), /the argument paths is 5/],
  [
    "openDump with options in the place of warnings",
    () => library.openDump(file, { salvage: true } as never),
    /the argument warnings is another object\. Give new Warnings\(\)/,
  ],
  ["openInput of null", () => library.openInput(null as never), /the argument inputs is null/],
  ["readKernelLog of nothing", () => library.readKernelLog(undefined as never), /the argument dump is undefined/],
  ["readPhysical of nothing", () => library.readPhysical({} as never, 0, 1), /the argument dump is another object/],
  ["digestFile of a number", () => library.digestFile(5 as never), /the argument path is 5/],
  [
    "openSideFile of a URL",
    () => library.openSideFile(new URL("file:///x") as never),
    /the argument path is another object/,
  ],
])("%s", (_, wrong, says) => refused(wrong, says));
