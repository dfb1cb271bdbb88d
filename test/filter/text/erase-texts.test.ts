/** Texts of erase rules in dumps: gone from every kept page, over the borders of pages, and the same for any number of workers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eraseRequest } from "../../../src/filter/erase/erase-run.js";
import { openDump } from "../../../src/reader/open.js";
import { verifyDump } from "../../../src/verify/verify-dump.js";
import { Warnings } from "../../../src/warnings.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { filterFile, type RunOptions, temporaryFolder } from "../../support/filter.js";
import { writeElf } from "../../support/kernel-dump.js";
import { buildKernel } from "../../support/kernel-image.js";
import { failureOf } from "../../support/open.js";

const PAGE = 4096;
const folder = temporaryFolder();
let outputs = 0;

/** Memory of a dump, by its own reader. */
function memoryOf(path: string | readonly string[]): {
  read(paddr: number, length: number): Buffer;
  eraseinfo: string;
  notes: Buffer;
} {
  const dump = openDump(path, new Warnings());
  const pages = new Map<number, Buffer>();
  for (let at = dump.memory.next(0); at < Number.POSITIVE_INFINITY; at = dump.memory.next(at + PAGE)) {
    at -= at % PAGE;
    const page = Buffer.alloc(PAGE);
    dump.memory.read(page, at);
    pages.set(at, page);
  }
  const eraseinfo = Buffer.from(dump.eraseinfo ?? []).toString();
  const notes = Buffer.from(dump.noteArea);
  dump.close();
  return {
    read: (paddr, length) => {
      const out = Buffer.alloc(length);
      for (let i = 0; i < length; i++) out[i] = pages.get(paddr + i - ((paddr + i) % PAGE))?.[(paddr + i) % PAGE] ?? 0;
      return out;
    },
    eraseinfo,
    notes,
  };
}

/** A kernel's dump with texts written into its memory. */
function dumpWith(texts: readonly (readonly [number, string | Buffer])[]): string {
  const kernel = buildKernel({ memory: 32 << 20 });
  for (const [paddr, text] of texts) kernel.memory.write(paddr, Buffer.from(text as string));
  const path = join(folder, `vmcore-${++outputs}`);
  writeElf(path, kernel, { style: "qemu" });
  return path;
}

async function run(input: string, erase: string, options: RunOptions = {}) {
  const output = join(folder, `out-${++outputs}`);
  const result = await filterFile(input, output, { level: 0, erase, ...options });
  return { output, result, memory: memoryOf(output) };
}

const X = (length: number) => "X".repeat(length);

test("a text over the border of two pages, in three encodings, and twice in a row", async () => {
  const secret = "correct horse battery";
  const wide = Buffer.from(secret, "utf16le");
  const big = Buffer.from(secret, "utf16le").swap16();
  const input = dumpWith([
    [0x300000 + PAGE - 7, secret],
    [0x310000 + PAGE - 10, wide],
    [0x320000 + PAGE - 2, big],
    [0x330000, secret + secret],
    [0x340000, secret.slice(0, -1)],
  ]);
  const { memory, result } = await run(input, `text "${secret}"`);
  expect(memory.read(0x300000 + PAGE - 7, 21).toString()).toBe(X(21));
  expect(memory.read(0x310000 + PAGE - 10, 42).toString()).toBe(X(42));
  expect(memory.read(0x320000 + PAGE - 2, 42).toString()).toBe(X(42));
  expect(memory.read(0x330000, 43).toString()).toBe(`${X(42)}\0`);
  expect(memory.read(0x340000, 20).toString()).toBe(secret.slice(0, -1));
  expect(result.erase?.rules).toMatchObject([{ line: 1, rule: "text of line 1", objects: 5, bytes: 21 * 3 + 84 }]);
  expect(memory.eraseinfo).toBe("erase text of line 1, 5 times, size 147\n");
});

test("a text whose halves are in pages that are no neighbours: both go", async () => {
  const secret = "correct horse battery";
  const input = dumpWith([
    [0x300000 + PAGE - 9, secret.slice(0, 9)],
    [0x500000, secret.slice(9)],
    // One half alone stays.
    [0x600000 + PAGE - 12, secret.slice(0, 12)],
  ]);
  const { memory, result } = await run(input, `text "${secret}"`);
  expect(memory.read(0x300000 + PAGE - 9, 9).toString()).toBe(X(9));
  expect(memory.read(0x500000, 12).toString()).toBe(X(12));
  expect(memory.read(0x600000 + PAGE - 12, 12).toString()).toBe(secret.slice(0, 12));
  expect(result.erase?.rules[0]).toMatchObject({ objects: 1, bytes: 21 });
});

test("patterns and classes, over borders too; what is not there is no error", async () => {
  const key = `-----BEGIN PRIVATE KEY-----\n${"QUJDREVG".repeat(700)}\n-----END PRIVATE KEY-----`;
  const mail = Buffer.from("<jane@example.org>", "utf16le");
  const input = dumpWith([
    [0x300000 + PAGE - 5, "user-4711;"],
    [0x310000 + 3 * PAGE - 20, key],
    [0x320000, mail],
    [0x330000 + PAGE - 8, "4111 1111 1111 1111"],
  ]);
  const rules =
    "pattern /user-\\d+/ # a comment\nclass private-key\nclass e-mail\nclass card\nclass jwt\n? bytes 00ff00fe\n";
  const { memory, result } = await run(input, rules);
  expect(memory.read(0x300000 + PAGE - 5, 10).toString()).toBe(`${X(9)};`);
  expect(memory.read(0x310000 + 3 * PAGE - 20, key.length).toString()).toBe(X(key.length));
  expect(memory.read(0x320000, mail.length).toString("latin1")).toBe(`<\0${X(mail.length - 4)}>\0`);
  expect(memory.read(0x330000 + PAGE - 8, 19).toString()).toBe(X(19));
  expect(result.erase?.rules.map(({ rule, objects }) => [rule, objects])).toEqual([
    ["pattern of line 1", 1],
    ["class private-key", 1],
    ["class e-mail", 1],
    ["class card", 1],
    ["class jwt", 0],
    ["? bytes of line 6", 0],
  ]);
  expect(memory.eraseinfo).not.toContain("user-");
});

test("texts in notes go, VMCOREINFO keeps what only looks like something", async () => {
  const kernel = buildKernel({ vmcoreinfo: { add: ["SECRET=correct horse", "OTHER=10.1.2.3"] } });
  const path = join(folder, `vmcore-${++outputs}`);
  writeElf(path, kernel);
  const { memory } = await run(path, 'text "correct horse"\nclass ipv4');
  expect(memory.notes.includes("correct horse")).toBe(false);
  expect(memory.notes.includes(`SECRET=${X(13)}`)).toBe(true);
  expect(memory.notes.includes("OTHER=10.1.2.3")).toBe(true);
});

test.each([
  ['text "abc"', "the text has 3 bytes"],
  ["text secret words", '"text" must be followed by a text in double quotes'],
  ['text "secret words', '"text" must be followed by a text in double quotes'],
  ['text "secret\\q"', "are known, no other"],
  ["bytes 0102030", "followed by whole bytes in hexadecimal"],
  ["bytes 00000000", "not all of them 0"],
  ["pattern secret.*", '"pattern" must be followed by /…/'],
  ["pattern /secret(/", "a ( without )"],
  ["class secret", '"class" must be followed by one of card, private-key'],
])("%j is refused in one line that does not show it", (rule, message) => {
  const error = failureOf(() => eraseRequest({ name: "rules", text: `# first\n${rule}` }));
  expect(error.code).toBe("BAD_OPTION");
  expect(error.message).toContain(`rules:2: `);
  expect(error.message).toContain(message);
  expect(error.message).not.toContain("secret");
  expect(error.message).not.toContain("\n");
});

describeWithDumps("texts in real dumps", () => {
  const RULES =
    'text "USERCANARY-anon"\npattern /CACHECANARY-[a-z0-9_]{4}/\nclass e-mail\nbytes 46524545 43414e415259\n';
  const EXPECTED = /USERCANARY-anon|CACHECANARY-[a-z0-9_]{4}|FREECANARY/g;

  test("nothing is left of them, and nothing else changes; verify explains the rest", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { output, result } = await run(vmcore, RULES);
    const left = readFileSync(output).toString("latin1");
    expect(left).not.toMatch(EXPECTED);
    const before = readFileSync(vmcore).toString("latin1").match(EXPECTED) ?? [];
    const counted = (result.erase?.rules ?? []).map(({ objects }) => objects);
    expect(before.length).toBeGreaterThan(1000);
    expect((counted[0] as number) + (counted[1] as number) + (counted[3] as number)).toBe(before.length);
    const { whole, comparison } = await verifyDump(output, { against: vmcore });
    expect(comparison).toMatchObject({ different: 0 });
    expect(comparison?.erased).toBeGreaterThan(10);
    expect(whole).toBe(true);
  });

  test.each<RunOptions>([{ codec: "zlib" }, { format: "elf", level: 31 }, { dedupe: true, codec: "none" }])(
    "the same bytes for any number of workers: %j",
    async (options) => {
      const { vmcore } = await realDump("tiny-x86-6.12");
      const one = await run(vmcore, RULES, { ...options, workers: 1 });
      const four = await run(vmcore, RULES, { ...options, workers: 4 });
      expect(readFileSync(one.output).equals(readFileSync(four.output))).toBe(true);
      expect(one.result.erase).toEqual(four.result.erase);
    },
  );
});
