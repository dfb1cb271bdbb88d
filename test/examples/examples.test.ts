/** The examples run as their first lines say, on the dump of the samples and on real ones. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("exists already") });
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
      /^Linux 6\.12\..*\nsymbols: kallsyms in memory, types: BTF in memory\n +0 R .* "swapper\/0"\n/,
    );
    expect(tasks.stdout).toMatch(/\n +1 S .* "init"\n +__schedule\+.*\n +schedule\+.*\n +do_wait\+/);
  });

  test("inventory.mjs says why a kernel stopped", async () => {
    const { vmcore: real } = await realDump("x86-6.1-kdump-tiny");
    mkdirSync(file("crashed"));
    copyFileSync(real, join(file("crashed"), "vmcore"));
    const { dumps } = JSON.parse(node(["examples/inventory.mjs", file("crashed")]).stdout);
    expect(dumps).toMatchObject([{ panic: expect.stringMatching(/^Kernel panic - not syncing/), warnings: [] }]);
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

test("inventory.mjs: dumps, packed ones, and what is none", () => {
  const folder = file("folder");
  mkdirSync(join(folder, "old"), { recursive: true });
  copyFileSync(vmcore, join(folder, "vmcore"));
  writeFileSync(join(folder, "old", "vmcore.gz"), gzipSync(readFileSync(vmcore)));
  writeFileSync(join(folder, "notes.txt"), "not a dump\n");
  const { code, stdout } = node(["examples/inventory.mjs", folder]);
  expect(code).toBe(0);
  const { dumps, others } = JSON.parse(stdout);
  const facts = { arch: "x86_64", release: "6.1.192-tiny", dumpLevel: 0, panic: null };
  expect(dumps).toMatchObject([
    { path: join(folder, "old", "vmcore.gz"), format: expect.stringContaining("gzip"), ...facts },
    { path: join(folder, "vmcore"), ...facts },
  ]);
  expect(others).toEqual([{ path: join(folder, "notes.txt"), code: "NOT_A_DUMP", reason: expect.any(String) }]);
});

describe("upload-handler.mjs", () => {
  let server: ChildProcess;
  let url: string;
  let log = "";
  beforeAll(async () => {
    server = spawn(process.execPath, ["examples/upload-handler.mjs", "0"], { cwd: root });
    for (const stream of [server.stdout, server.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        log += text;
      });
    }
    while (!/port \d+/.test(log)) await once(server.stdout as Readable, "data");
    url = `http://127.0.0.1:${/port (\d+)/.exec(log)?.[1]}/`;
  });
  afterAll(async () => {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });
  const upload = (body: string | Blob, query = "") =>
    fetch(`${url}${query}`, { method: "PUT", body, duplex: "half" } as RequestInit);

  test("answers with the filtered dump, of a packed upload too", async () => {
    const bytes = readFileSync(vmcore);
    for (const body of [bytes, gzipSync(bytes)]) {
      const answer = await upload(new Blob([body]), "?level=31");
      expect(answer.status).toBe(200);
      writeFileSync(file("answer"), Buffer.from(await answer.arrayBuffer()));
      const dump = openDump(file("answer"));
      expect(dump.header).toMatchObject({ format: "kdump", dumpLevel: 31, flattened: false });
      dump.close();
    }
    expect(log).toContain("2284 pages kept");
  });

  test("says what is wrong with an upload, and goes on", async () => {
    const noDump = await upload("this is not a dump");
    expect([noDump.status, await noDump.json()]).toMatchObject([422, { code: "NOT_A_DUMP" }]);
    const level = await upload(new Blob([readFileSync(vmcore)]), "?level=77");
    expect([level.status, await level.json()]).toMatchObject([422, { code: "BAD_OPTION" }]);
    const cut = await upload(new Blob([readFileSync(vmcore).subarray(0, 2_000_000)]));
    expect([cut.status, await cut.json()]).toMatchObject([422, { code: "TRUNCATED" }]);
  });

  test("a client that goes away in the middle ends its run", async () => {
    const controller = new AbortController();
    const bytes = readFileSync(vmcore);
    async function* half() {
      yield bytes.subarray(0, 1_000_000);
      await new Promise((resolve) => controller.signal.addEventListener("abort", resolve));
    }
    const before = log.length;
    const sent = fetch(url, {
      ...{ method: "PUT", body: Readable.toWeb(Readable.from(half())), duplex: "half", signal: controller.signal },
    } as RequestInit);
    setTimeout(() => controller.abort(), 200);
    await expect(sent).rejects.toThrow("aborted");
    while (!/(ABORTED|NOT_READABLE): /.test(log.slice(before))) await setImmediate();
    expect((await upload(new Blob([bytes]))).status).toBe(200);
  });
});
