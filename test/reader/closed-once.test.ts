/** A file that is closed twice may be another one by then: its number is given anew at once. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test, vi } from "vitest";
import { openDump } from "../../src/reader/open.js";
import { openInput } from "../../src/reader/open-input.js";
import { Warnings } from "../../src/warnings.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";
import { flatten } from "../support/flattened-image.js";
import { buildKdump } from "../support/kdump-image.js";
import { failureOf, failureOfAsync } from "../support/open.js";
import { buildLime } from "../support/raw-image.js";

const open = new Map<number, string>();
const wrong: string[] = [];
let opened = 0;
vi.mock("node:fs", async (original) => {
  const plain = await original<typeof import("node:fs")>();
  return {
    ...plain,
    openSync(...args: Parameters<typeof plain.openSync>) {
      const fd = plain.openSync(...args);
      open.set(fd, String(args[0]));
      opened++;
      return fd;
    },
    closeSync(fd: number) {
      if (!open.delete(fd)) wrong.push(`${fd} is closed, and was not open`);
      plain.closeSync(fd);
    },
  };
});

const folder = temporaryFolder();
const page = new Uint8Array(4096).fill(7);
const kdump = Buffer.from(buildKdump({ pages: new Map([[0, { codec: "raw", data: page }]]) }));
const elf = Buffer.from(buildElf({ loads: [{ paddr: 0, data: page }] }));
const damaged = (bytes: Buffer) => Buffer.from(bytes).fill(0xff, 20, 600);
const files: Readonly<Record<string, Buffer>> = {
  "no dump": randomBytes(5000),
  ELF: damaged(elf),
  kdump: damaged(kdump),
  flattened: Buffer.from(flatten(damaged(kdump))),
  "flattened, cut off": Buffer.from(flatten(kdump)).subarray(0, 5000),
  LiME: Buffer.from(buildLime([{ start: 0, data: page }])).subarray(0, 40),
};

test.each(Object.keys(files))(
  "%s, which cannot be opened, in place or packed, alone or as one of two",
  async (name) => {
    const [path, good, packed] = [join(folder, "bad"), join(folder, "good"), join(folder, "packed")];
    writeFileSync(path, files[name] as Buffer);
    writeFileSync(packed, gzipSync(files[name] as Buffer));
    writeFileSync(good, kdump);
    [open.clear(), wrong.splice(0)];
    opened = 0;
    for (const paths of [[path], [good, path], [path, good]]) {
      failureOf(() => openDump(paths));
      await failureOfAsync(() => openInput(paths, new Warnings()));
    }
    await failureOfAsync(() => openInput(packed, new Warnings()));
    // At least each of the six runs in place opened a file: if nothing is mocked, nothing is checked.
    expect(opened).toBeGreaterThanOrEqual(6);
    expect(wrong).toEqual([]);
    expect([...open.values()]).toEqual([]);
  },
);
