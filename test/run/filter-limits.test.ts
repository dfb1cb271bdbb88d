/** Outputs for which there is no room: nothing is left, or a whole dump of what had room, or the next level is tried. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { openDump } from "../../src/reader/open.js";
import { type FilterOptions, type FilterResult, filterDump } from "../../src/run/filter-dump.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { Warnings } from "../../src/warnings.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { patternBytes } from "../support/bytes.js";
import { type CliEnd, expectFailure, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { compareElfWithElf } from "../support/compare-pages.js";
import { buildElf } from "../support/elf-image.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { bitmapPfns } from "../support/golden.js";
import { toElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { failureOfAsync } from "../support/open.js";
import { openElf } from "../support/other-elf.js";
import { openKdump } from "../support/other-kdump.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const threads = new WorkerThreads(2);
afterAll(() => threads.destroy());
// 12 MiB of user memory with content, which level 31 drops.
const kernel = buildKernel({
  memory: 24 * MiB,
  memoryModel: "sparse-extreme",
  pages: [{ pfn: 256, kind: "anon", count: 3072 }],
});
const original = Buffer.from(toElf(kernel, { style: "qemu" }));
const memoryAt = original.length - 24 * MiB;
for (let pfn = 256; pfn < 256 + 3072; pfn++) original.set(patternBytes(`${pfn}`, 4096), memoryAt + pfn * 4096);
writeDump(at("original"), original);
const canMount = spawnSync("unshare", ["-m", "true"]).status === 0;

async function filter(options: Partial<FilterOptions>): Promise<FilterResult> {
  const dump = openDump(at("original"));
  try {
    return await filterDump(dump, {
      output: { path: at("out"), force: true },
      level: 1,
      format: "kdump",
      codec: codecOf("none", undefined),
      workers: threads,
      ...options,
    });
  } finally {
    dump.close();
  }
}

/** Looks at a kdump file that was cut short: which pages it has, and that each of them is right. */
function lookAt(path: string) {
  const file = openKdump(path);
  const elf = openElf(at("original"));
  let [pages, empty] = [0, 0];
  [...bitmapPfns(file.bitmap2)].forEach((pfn, index) => {
    const descriptor = file.descriptor(index);
    if (descriptor.offset === 0) {
      expect(descriptor).toEqual({ offset: 0, size: 0, flags: 0, pageFlags: 0n });
      empty++;
    } else {
      // Those that are there come first.
      expect(empty).toBe(0);
      expect(file.content(descriptor).equals(elf.page(pfn, 4096) as Buffer)).toBe(true);
      pages++;
    }
  });
  const incomplete = (file.facts.status & 8) !== 0;
  file.close();
  elf.close();
  return { pages, empty, incomplete };
}

describe("a size limit, kdump", () => {
  test.each([
    ["none", 0.4],
    ["none", 0.9],
    ["zlib", 0.7],
    ["lzo", 0.9],
  ] as const)("%s, %d of what is needed: a dump of what has room, marked incomplete", async (codec, share) => {
    const free = await filter({ codec: codecOf(codec, undefined), output: { path: at("free"), force: true } });
    const sizeLimit = Math.floor(free.outputBytes * share);
    const warnings = new Warnings();
    const options = { sizeLimit, codec: codecOf(codec, undefined), onFull: "incomplete", warnings } as const;
    const result = await filter(options);
    expect(statSync(at("out")).size).toBe(result.outputBytes);
    expect(result.outputBytes).toBeLessThanOrEqual(sizeLimit);
    // A task that does not fit whole is left out: 2 MiB of pages.
    if (codec === "none") expect(result.outputBytes).toBeGreaterThan(sizeLimit - 2.1 * MiB);
    const { pages, empty, incomplete } = lookAt(at("out"));
    expect([empty, incomplete]).toEqual([result.notWritten, true]);
    expect(pages).toBeGreaterThan(0);
    expect(result).toMatchObject({ incomplete: true, full: expect.stringContaining(`larger than `) });
    expect(warnings.list.find(({ code }) => code === "NOT_WRITTEN")?.count).toBe(empty);
    const checked = await verifyDump(at("out"), { workers: threads });
    expect(checked.counts).toMatchObject({ incomplete: 1, "missing-page": empty });
    expect([checked.readable, checked.counts["bad-page"], checked.counts.descriptor]).toEqual([
      pages,
      undefined,
      undefined,
    ]);
  });

  test("the same bytes for any number of workers", async () => {
    const run = async (workers: number) => {
      await filter({ sizeLimit: 3 * MiB, onFull: "incomplete", workers });
      return readFileSync(at("out"));
    };
    expect((await run(1)).equals(await run(3))).toBe(true);
  });

  test("nothing is left if nothing else is asked for, or if not even one page has room", async () => {
    for (const options of [{ sizeLimit: 5 * MiB }, { sizeLimit: 100_000, onFull: "incomplete" as const }]) {
      const error = await failureOfAsync(() => filter({ ...options, output: { path: at("none") } }));
      expect(error).toMatchObject({ code: "SIZE_LIMIT", message: expect.stringContaining("`sizeLimit`") });
      expect(readdirSync(folder).filter((name) => name.includes("none"))).toEqual([]);
    }
  });

  test("a limit that is enough changes nothing", async () => {
    const free = await filter({ output: { path: at("free"), force: true } });
    const result = await filter({ sizeLimit: free.outputBytes, onFull: "incomplete" });
    expect([result.incomplete, result.notWritten]).toEqual([false, 0]);
    expect(readFileSync(at("out")).equals(readFileSync(at("free")))).toBe(true);
    await failureOfAsync(() => filter({ sizeLimit: free.outputBytes - 1 }));
  });
});

test("a size limit, ELF: segments end where the data do, e_flags says it", async () => {
  const result = await filter({ format: "elf", sizeLimit: 5 * MiB, onFull: "incomplete" });
  expect(statSync(at("out")).size).toBe(result.outputBytes);
  const file = openElf(at("out"));
  const pfns = [...file.pfns(4096)];
  expect(file.flags).toBe(1);
  file.close();
  expect(pfns.length).toBe(result.classes.kept - result.notWritten);
  expect(compareElfWithElf(at("out"), at("original"), pfns, 4096)).toMatchObject({
    different: [],
    unknown: [],
    leaked: [],
  });
  const dump = openDump(at("out"));
  expect(dump.header.incomplete).toBe(true);
  dump.close();
});

describe("levels to fall back to", () => {
  test("the first that fits", async () => {
    const warnings = new Warnings();
    const result = await filter({ level: 1, fallbackLevels: [2, 31], sizeLimit: 6 * MiB, warnings });
    expect([result.level, result.incomplete]).toEqual([31, false]);
    expect(warnings.list).toEqual([
      { code: "NEXT_LEVEL", count: 2, message: expect.stringContaining("level 1 did not fit") },
    ]);
    await filter({ level: 31, output: { path: at("direct"), force: true } });
    expect(readFileSync(at("out")).equals(readFileSync(at("direct")))).toBe(true);
  });

  test("none fits: nothing, or the last of them incomplete", async () => {
    const small = { level: 1, fallbackLevels: [8], sizeLimit: 3 * MiB };
    expect(await failureOfAsync(() => filter({ ...small, output: { path: at("none") } }))).toMatchObject({
      code: "SIZE_LIMIT",
    });
    expect(existsSync(at("none"))).toBe(false);
    const result = await filter({ ...small, onFull: "incomplete" });
    expect([result.level, result.incomplete, lookAt(at("out")).incomplete]).toEqual([8, true, true]);
  });

  test("not for streams", async () => {
    const stream = { stream: process.stderr, name: "x" };
    for (const options of [{ fallbackLevels: [31] }, { onFull: "incomplete" as const }]) {
      expect(await failureOfAsync(() => filter({ output: stream, ...options }))).toMatchObject({ code: "BAD_OPTION" });
    }
  });
});

describe("on the command line", () => {
  const filterIt = [at("original"), at("cli"), "-f", "--compress", "none"];
  const run = (args: readonly string[], shell?: string): Promise<CliEnd> =>
    shell === undefined ? runHere([...filterIt, ...args]) : runCli([...filterIt, ...args], { shell });

  test("-L with --on-full: exit code 1, and a usable dump; -d 1,31: exit code 0", async () => {
    const cut = await run(["-d", "1", "-L", "5M", "--on-full", "incomplete", "-q"]);
    expect([cut.code, cut.stdout.toString()]).toEqual([1, ""]);
    expect(cut.stderr).toMatch(/^coresieve: .*larger than 5 MiB; what had room was left, marked incomplete\n$/);
    expect(lookAt(at("cli"))).toMatchObject({ incomplete: true });
    const next = await run(["-d", "1,31", "-L", "5M", "--json"]);
    expect(next.code).toBe(0);
    expect(JSON.parse(next.stdout.toString())).toMatchObject({ level: 31, incomplete: false });
  });

  test("-F: the stream ends without its end marker", async () => {
    const streamed = await runCli(["-F", at("original"), "-d", "1", "--compress", "none", "-L", "3M"]);
    expect(streamed.code).toBe(1);
    expect(streamed.stdout.length).toBeLessThanOrEqual(3 * MiB);
    expect(streamed.stdout.subarray(-16).equals(Buffer.alloc(16, 0xff))).toBe(false);
    writeFileSync(at("stream"), streamed.stdout);
    const error = await failureOfAsync(async () => openDump(at("stream")));
    expect(error.code).toBe("TRUNCATED");
  });

  test("a limit of the system on the size of files", async () => {
    const limited = await run(["-d", "1", "--on-full", "incomplete"], 'ulimit -f 4000; exec "$@"');
    expect(limited.code).toBe(1);
    expect(limited.stderr).toMatch(/EFBIG.*what had room was left/);
    expect(lookAt(at("cli"))).toMatchObject({ incomplete: true });
    expect(statSync(at("cli")).size).toBeGreaterThan(2 * MiB);
  });

  test.skipIf(!canMount)("a full disk", async () => {
    mkdirSync(at("small"));
    const shell = `mount -t tmpfs -o size=4m tmpfs ${at("small")} && "$@"; code=$?; ls -A ${at("small")} >&2; cp ${at("small")}/out ${at("saved")}; exit $code`;
    const full = await runCli(
      [at("original"), at("small/out"), "-d", "1", "--compress", "none", "-q", "--on-full", "incomplete"],
      {
        shell: `unshare -m bash -c '${shell}' sh "$@"`,
      },
    );
    expect(full.code).toBe(1);
    expect(full.stderr).toMatch(/^coresieve: .*ENOSPC.*what had room was left, marked incomplete\nout\n$/);
    const { pages, incomplete } = lookAt(at("saved"));
    expect([pages > 500, incomplete]).toEqual([true, true]);
  });

  test.each([
    [["-L", "0"], /-L 0: must be a size/],
    [["-L", "many"], /-L many: must be a size/],
    [["-L", "8E9"], /must be a size/],
    [["-d", "1,32"], /-d 1,32: "32" must be a whole number/],
    [["-d", "1,"], /must be a whole number/],
    [["--on-full", "keep"], /--on-full keep: must be one of nothing, incomplete/],
  ] as const)("%j", async (args, says) => {
    expectFailure(await run(args), 2, says);
  });
});

test.each([["kdump"], ["elf"], ["lime"], ["raw"]] as const)(
  "a dump without a page of what its headers describe is an error, not an empty output: %s",
  async (format) => {
    const [input, output] = [join(folder, "hollow"), join(folder, "of-hollow")];
    writeFileSync(input, buildElf({ loads: [{ paddr: 0, data: new Uint8Array(0), memsz: 2 ** 30 }] }));
    const failed = filterFile(input, output, { format, level: 0 });
    await expect(failed).rejects.toMatchObject({ code: "TRUNCATED", what: expect.stringContaining("holds no page") });
    expect(existsSync(output)).toBe(false);
  },
);
