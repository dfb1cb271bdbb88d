/** The dump in samples/: the one real dump that every clone has, and the demo that shows it. */
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { compareKdumpWithElf } from "../support/compare-pages.js";
import { filterFile, temporaryFolder } from "../support/filter.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const packed = join(root, "samples/linux-6.1-x86_64.vmcore.br");
const folder = temporaryFolder();
const vmcore = join(folder, "vmcore");

beforeAll(() => writeFileSync(vmcore, brotliDecompressSync(readFileSync(packed))));

test("is small enough for a repository", () => {
  expect(statSync(packed).size).toBeLessThan(4_000_000);
});

test("is as QEMU wrote it: program headers not at byte 64", () => {
  expect(readFileSync(vmcore).readBigUInt64LE(32)).toBe(192n);
});

describe("level 31", () => {
  test.each(["none", "zlib", "lzo", "snappy"] as const)(
    "%s: the expected pages, with the original's bytes",
    async (codec) => {
      const output = join(folder, codec);
      const { classes } = await filterFile(vmcore, output, { level: 31, codec });
      expect(classes).toEqual({
        ...{ zero: 716, cache: 37, "cache-private": 0, user: 1625, free: 3530, hwpoison: 0, offline: 0 },
        kept: 2284,
      });
      expect(compareKdumpWithElf(output, vmcore)).toEqual({
        ...{ same: 3000, zero: 716 },
        ...{ different: [], unknown: [], leaked: [] },
      });
    },
  );
});

test("the demo runs, and runs again", () => {
  // Sizes depend on the program alone, not on the machine or on Node: the codec of the demo is the program's own.
  const shown = /^Kernel .*\n(.*\n)*Size .*$/m;
  const [readme] = shown.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
  for (let run = 0; run < 2; run++) {
    const { status, stdout } = spawnSync(process.execPath, ["scripts/demo.mjs"], { cwd: root, encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining("Linux 6.1.192-tiny, x86_64") });
    expect(shown.exec(stdout)?.[0]).toBe(readme);
  }
  // makedumpfile makes 2,064,791 bytes of it. Faster searches for matches cost some per cent; more than 5 would be a mistake.
  expect(statSync(join(root, "out/demo-small.kdump")).size).toBeLessThan(2_064_791 * 1.05);
});
