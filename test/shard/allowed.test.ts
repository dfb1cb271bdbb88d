/** What a worker may touch: while another process exchanges links under it, nothing outside of its folders is read. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, readSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { DumpError } from "../../src/errors.js";
import { newDumpJob } from "../../src/queue/job-data.js";
import { allowedBy, allowedFolders } from "../../src/shard/allowed.js";
import { identityOf } from "../../src/shard/input-identity.js";
import { openRunInput, openRunVmlinux } from "../../src/shard/open-run.js";
import { Warnings } from "../../src/warnings.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();
const allowed = join(folder, "allowed");
const [inside, outside] = [join(allowed, "real"), join(folder, "outside")];
for (const path of [allowed, inside, outside]) mkdirSync(path);
const dumpOf = (fill: number, size: number) =>
  buildElf({ loads: [{ paddr: 0, vaddr: 0, data: new Uint8Array(size).fill(fill) }] });
writeFileSync(join(inside, "dump"), dumpOf(1, 4096));
writeFileSync(join(outside, "dump"), dumpOf(2, 8192));
// What is exchanged: the last part of a path, and one in its middle.
const file = join(allowed, "dump");
const middle = join(allowed, "folder");
symlinkSync(join(inside, "dump"), file);
symlinkSync(inside, middle);

/** Links `name` to one target and the other by turns, as fast as it can. */
const SWAPPER = `
const { renameSync, symlinkSync } = require("node:fs");
const swaps = JSON.parse(process.argv[1]);
process.on("disconnect", () => process.exit());
process.send("ready");
const turn = () => {
  for (let i = 0; i < 200; i++)
    for (const [name, a, b] of swaps)
      for (const target of [a, b]) { symlinkSync(target, name + ".new"); renameSync(name + ".new", name); }
  setImmediate(turn);
};
turn();`;

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

async function swap(...swaps: readonly (readonly [string, string, string])[]): Promise<void> {
  const child = spawn(process.execPath, ["-e", SWAPPER, JSON.stringify(swaps)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  children.push(child);
  await new Promise((resolve) => child.once("message", resolve));
}

const request = (input: string) => ({
  inputs: [input],
  // Whoever reads the file outside finds it as it was submitted.
  identity: [identityOf(join(outside, "dump"))],
  output: join(allowed, "out"),
  ...{
    force: false,
    level: 31,
    format: "kdump",
    codec: { name: "none" },
    privacy: false,
    privacyStrict: false,
    excludeUnusedVmemmap: false,
    privacyExtra: [],
    privacyKeep: [],
  },
  ...{ strict: false, salvage: false },
});
const jobOf = (input: string, more: object = {}) =>
  newDumpJob({ ...request(input), ...more } as never, { shards: 1, priority: 0, host: "host", at: 1 });

test("links that are exchanged between the check and the opening lead nowhere", async () => {
  const roots = allowedFolders([allowed]);
  await swap([file, join(inside, "dump"), join(outside, "dump")], [middle, inside, outside]);
  const seen = { outside: 0, inside: 0, refused: 0, vmlinux: 0 };
  // Until the exchange was met often enough, both ways.
  for (let i = 0; i < 4000 || seen.refused < 100 || seen.inside < 100; i++) {
    const path = i % 2 === 0 ? file : join(middle, "dump");
    try {
      (await openRunInput(jobOf(path), roots, new Warnings())).close();
      seen.outside++;
    } catch (error) {
      if (!(error instanceof DumpError)) throw error;
      if (error.code === "INPUT_CHANGED") seen.inside++;
      else if (error.code === "NOT_READABLE") seen.refused++;
      else throw error;
    }
    try {
      const opened = await openRunVmlinux(jobOf(path, { vmlinux: path }), roots);
      if ((opened?.source.size ?? 0) > 8192) seen.vmlinux++;
      opened?.close();
    } catch (error) {
      if (!(error instanceof DumpError)) throw error;
    }
  }
  expect(seen).toMatchObject({ outside: 0, vmlinux: 0 });
});

test("what lies within is opened, whatever leads to it; a FIFO is not waited for", async () => {
  const roots = allowedFolders([allowed]);
  const link = join(folder, "link");
  symlinkSync(join(inside, "dump"), link);
  const { fd } = roots.openInput(link);
  const head = new Uint8Array(4);
  readSync(fd, head, 0, 4, 0);
  closeSync(fd);
  expect(Buffer.from(head).toString("latin1")).toBe("\x7fELF");
  const fifo = join(allowed, "fifo");
  expect(await new Promise((resolve) => spawn("mkfifo", [fifo]).on("close", resolve))).toBe(0);
  expect(() => roots.openInput(fifo)).toThrow(/is not a regular file/);
  expect(() => roots.openInput(join(outside, "dump"))).toThrow(/is outside the folders/);
  expect(() => roots.openInput(join(allowed, "..", "outside", "dump"))).toThrow(/is outside the folders/);
});

test("what may be read need not be written, and the other way round", () => {
  const roots = allowedBy({ read: [allowed, "s3://dumps/in/"], write: [folder, "s3://dumps/out/"] });
  const refused = (code: string) => expect.objectContaining({ code, cure: expect.stringContaining("--allow-") });
  const failure = (does: () => unknown) => {
    try {
      return does();
    } catch (error) {
      return error;
    }
  };
  expect(roots.object("s3://dumps/in/a")).toBe("s3://dumps/in/a");
  expect(failure(() => roots.object("s3://dumps/out/a"))).toEqual(refused("NOT_READABLE"));
  expect(roots.output("s3://dumps/out/a")).toMatchObject({ path: "s3://dumps/out/a" });
  expect(failure(() => roots.output("s3://dumps/in/a"))).toEqual(refused("NOT_WRITABLE"));
  const other = allowedBy({ read: [folder], write: [allowed] });
  other.output(join(allowed, "out")).folder?.letGo();
  expect(failure(() => other.output(join(folder, "out")))).toEqual(refused("NOT_WRITABLE"));
});
