/** The examples run as their first lines say, on the dump of the samples and on real ones. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { kernelOf, openDump, pagesOf } from "../../src/index.js";
import { inFolder } from "../support/cli.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const file = inFolder(temporaryFolder());
const vmcore = file("vmcore");

function node(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const run = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", env: { ...process.env, ...env } });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}

beforeAll(() => {
  const packed = fileURLToPath(new URL("../../samples/linux-6.1-x86_64.vmcore.br", import.meta.url));
  writeFileSync(vmcore, brotliDecompressSync(readFileSync(packed)));
});

test("shrink.mjs", () => {
  const { code, stdout, stderr } = node(["examples/shrink.mjs", vmcore, file("small")]);
  expect({ code, kept: /kept: 2284 pages/.test(stdout), progress: /write 100 %/.test(stderr) }).toEqual({
    ...{ code: 0, kept: true, progress: true },
  });
  expect(existsSync(file("small"))).toBe(true);
  const again = node(["examples/shrink.mjs", vmcore, file("small")]);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("is there already") });
});

test("biggest-users.mjs, of a kernel without types", () => {
  const { code, stdout } = node(["examples/biggest-users.mjs", vmcore]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Pages by kind\n +\d+ +[\d.]+ MB {2}free\n/);
  expect(stdout).toContain("does not tell the types of its slabs");
});

describeWithDumps("a kernel with BTF", () => {
  test("biggest-users.mjs and tasks.mjs", async () => {
    const { vmcore: real } = await realDump("x86-6.12-tiny");
    const users = node(["examples/biggest-users.mjs", real]);
    expect(users).toMatchObject({ code: 0, stdout: expect.stringContaining("MB  task_struct\n") });
    const tasks = node(["examples/tasks.mjs", real]);
    expect(tasks.code).toBe(0);
    expect(tasks.stdout).toMatch(
      /^Linux 6\.12\..*\nsymbols: kallsyms in memory, types: BTF in memory\n +0 .* swapper\/0\n +1 .* init\n/,
    );
  });

  test("drop-slab-cache.mjs drops the pages of that cache, and no others", async () => {
    const { vmcore: real } = await realDump("x86-6.12-tiny");
    const options = ["--extension", "examples/drop-slab-cache.mjs", "-q"];
    const { code, stderr } = node(["dist/cli/main.js", real, file("without"), ...options], { CACHE: "dentry" });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const dump = openDump(real);
    const kernel = kernelOf(dump);
    const left = new Set<number>();
    const small = openDump(file("without"));
    for await (const { pfn } of pagesOf(small)) left.add(pfn);
    small.close();
    let dentries = 0;
    for await (const page of pagesOf(dump, { kinds: ["slab"] })) {
      const link = kernel.readMember("page", page.structAddress ?? 0n, "compound_head") ?? 0n;
      const first = link & 1n ? link - 1n : (page.structAddress ?? 0n);
      const cache = kernel.readMember("slab", first, "slab_cache") ?? 0n;
      const isDentry = kernel.readText(kernel.readMember("kmem_cache", cache, "name") ?? 0n, 64) === "dentry";
      if (isDentry) dentries++;
      expect(left.has(page.pfn)).toBe(!isDentry);
    }
    expect(dentries).toBeGreaterThan(20);
    dump.close();
  });
});
