/** Files that are cut off at every part: what is said is true of the part that is there, and advice never leads to itself. */
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { inFolder, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await runHere(args, { cwd: folder });
  return { code, said: `${stdout.toString()}${stderr}` };
};

beforeAll(async () => {
  writeFileSync(file("dump"), sampleDump());
  expect((await run("dump", "kdump", "-d", "0", "-q")).code).toBe(0);
  writeFileSync(file("flat"), (await runCli(["-F", "dump", "-d", "0", "-q"], { cwd: folder })).stdout);
});

/** The first bytes of a file, as another file. */
function cut(name: string, bytes: number): string {
  copyFileSync(file(name), file("cut"));
  truncateSync(file("cut"), bytes);
  return "cut";
}

test.each([10, 100, 464, 5000, 9000])(
  "a kdump file of %i bytes: --salvage and verify do not send to --salvage",
  async (bytes) => {
    cut("kdump", bytes);
    for (const args of [
      ["--salvage", "cut", "out", "-d", "1", "-f"],
      ["verify", "cut"],
    ]) {
      const { code, said } = await run(...args);
      expect(code, said).toBe(1);
      expect(said).not.toMatch(/(?<!`coresieve info )--salvage/);
    }
  },
);

test("an ELF file that ends in its program headers is cut off, not a process's core", async () => {
  for (const bytes of [70, 100, 130]) {
    cut("dump", bytes);
    const { said } = await run("--salvage", "cut", "out");
    expect(said).toContain("cut off within its program headers");
    expect(said).not.toMatch(/process|--salvage/);
  }
});

test("a kdump file that ends in its pages: info says so and how many are there, verify says it in a line", async () => {
  cut("kdump", Math.floor(statSync(file("kdump")).size / 4));
  const info = await run("info", "cut");
  expect(info.said).toMatch(/^Cut off +[\d.]+ % of its pages are there \([\d,]+ of [\d,]+\)$/m);
  expect((await run("info", "kdump")).said).not.toContain("Cut off");
  const { said } = await run("verify", "cut");
  expect(said.match(/^missing-page.*$/gm)).toEqual([
    expect.stringMatching(/the data of [\d,]+ pages, up to pfn 0x[0-9a-f]+, lie behind the end of the file/),
  ]);
  expect(said).toContain("--salvage DUMP OUT");
});

test("a flattened stream that is cut off: that comes first, and no page is said to have never been written", async () => {
  cut("flat", Math.floor(readFileSync(file("flat")).length / 4));
  const { said } = await run("verify", "cut");
  expect(said).not.toContain("its writer did not come to write it");
  expect(said.indexOf("\ncut-off")).toBeGreaterThan(0);
  expect(said.indexOf("\ncut-off")).toBeLessThan(said.indexOf("\nmissing-page"));
});

test("what salvage has made is whole as a part: no advice to salvage it again", async () => {
  cut("kdump", Math.floor(statSync(file("kdump")).size / 4));
  await run("--salvage", "cut", "part", "-d", "1", "-f");
  const { code, said } = await run("verify", "part");
  expect(code).toBe(1);
  expect(said).toContain("incomplete");
  expect(said).not.toContain("--salvage");
});

test("a file of an option's form, a packer that does not write, texts and pictures: the cure is of use", async () => {
  writeFileSync(file("-dash"), sampleDump());
  expect((await run("-dash", "out")).said).toContain("write ./-dash");
  expect((await run("dump", "x.xz")).said).toContain("xz cannot be written");
  writeFileSync(file("text"), "root:x:0:0\nbin:x:1:1\n");
  const fd = openSync(file("picture"), "w");
  writeSync(fd, Buffer.from("\x89PNG\r\n\x1a\n", "latin1"));
  closeSync(fd);
  for (const name of ["text", "picture"]) expect((await run("info", name)).said).not.toContain("--raw");
});
