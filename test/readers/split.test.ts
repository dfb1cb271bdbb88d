/** Split sets: makedumpfile joins ours, we join makedumpfile's, crash and libkdumpfile read them as one dump. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { openDump } from "../../src/reader/open.js";
import { filterDump } from "../../src/run/filter-dump.js";
import { rearrangeDump } from "../../src/writer/rearrange.js";
import { reassembleDump } from "../../src/writer/reassemble.js";
import { realDump, realVmlinux } from "../support/dumps.js";
import { Outputs } from "./support/outputs.js";
import { run, runWell } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

const name = "tiny-x86-6.1-nokaslr";
let vmcore = "";
let whole = "";
let set: string[] = [];
beforeAll(async () => {
  vmcore = (await realDump(name)).vmcore;
  whole = await outputs.make({ dump: name, level: 31, form: "lzo" });
  set = [0, 1, 2].map((i) => outputs.path(`set.${i}`));
  const dump = openDump(vmcore);
  await filterDump(dump, { output: { paths: set }, level: 31, format: "kdump", codec: codecOf("lzo"), workers: 1 });
  dump.close();
});

describeReader("makedumpfile", ["makedumpfile"], () => {
  test("makes of our set the file that was not split", async () => {
    const joined = outputs.path("joined");
    await runWell("makedumpfile", ["--reassemble", ...set, joined]);
    expect(readFileSync(joined).equals(readFileSync(whole))).toBe(true);
  });

  test("has its own set joined by us as by itself", async () => {
    const theirs = [0, 1, 2].map((i) => outputs.path(`theirs.${i}`));
    // Split blocks are of 1 GiB if nothing is said: the other files would be empty.
    await runWell("makedumpfile", ["--split", "--splitblock-size", "1024", "-l", "-d", "31", vmcore, ...theirs]);
    await runWell("makedumpfile", ["--reassemble", ...theirs, outputs.path("by-itself")]);
    const dump = openDump([...theirs].reverse());
    await reassembleDump(dump, { path: outputs.path("by-us") });
    dump.close();
    expect(readFileSync(outputs.path("by-us")).equals(readFileSync(outputs.path("by-itself")))).toBe(true);
  });

  test("rearranges what QEMU wrote as we do", async () => {
    const flat = (await realDump(name)).flat as string;
    await runWell("makedumpfile", ["-R", outputs.path("rearranged")], { stdinFile: flat });
    await rearrangeDump(flat, { path: outputs.path("rearranged-by-us") });
    expect(readFileSync(outputs.path("rearranged-by-us")).equals(readFileSync(outputs.path("rearranged")))).toBe(true);
  });
});

describeReader("crash", ["crash"], () => {
  test("answers on the set as on the one file", async () => {
    const commands = outputs.path("questions");
    writeFileSync(commands, "ps\nlog\nkmem -i\nkmem -p\nkmem -f\nrunq\ntask\nquit\n");
    const ask = async (files: readonly string[]) => {
      const { code, stdout, stderr } = await run("crash", ["-s", "-i", commands, await realVmlinux(), ...files]);
      expect(code, stdout + stderr).toBe(0);
      return stdout;
    };
    const answers = await ask([set[2], set[0], set[1]] as string[]);
    expect(answers).toContain("Run /init as init process");
    expect(answers).toBe(await ask([whole]));
  });
});

/** Debian's Python bindings open single files only. */
const READ_SET = `
import ctypes, glob, hashlib, os, sys
# Its version: .10 in Debian 12, .12 with 0.5.5.
lib = ctypes.CDLL(glob.glob("/usr/lib/*/libkdumpfile.so.*")[0])
lib.kdump_new.restype = lib.kdump_get_err.restype = ctypes.c_void_p
ctx = ctypes.c_void_p(lib.kdump_new())
files = sys.argv[2:]
fds = (ctypes.c_int * len(files))(*[os.open(name, os.O_RDONLY) for name in files])
if lib.kdump_open_fdset(ctx, len(files), fds) != 0:
    sys.exit(ctypes.string_at(lib.kdump_get_err(ctx)).decode())
page = ctypes.create_string_buffer(4096)
digest, read = hashlib.sha256(), 0
for pfn in range(int(sys.argv[1])):
    size = ctypes.c_size_t(4096)
    if lib.kdump_read(ctx, 1, ctypes.c_uint64(pfn * 4096), page, ctypes.byref(size)) == 0:
        digest.update(page.raw)
        read += 1
print(read, digest.hexdigest())
`;

describeReader("libkdumpfile", ["libkdumpfile"], () => {
  test("reads the same pages from the set as from the one file", async () => {
    const dump = openDump(whole);
    const read = async (files: readonly string[]) =>
      (await runWell("/usr/bin/python3", ["-c", READ_SET, `${dump.maxMapnr}`, ...files])).stdout;
    const expected = await read([whole]);
    dump.close();
    expect(Number(expected.split(" ")[0])).toBeGreaterThan(500);
    expect(await read(set)).toBe(expected);
  });
});
