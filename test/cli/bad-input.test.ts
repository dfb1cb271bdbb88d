/** Everything that can be wrong with what the user names: one line with the cure, an exit code, and nothing left over. */
import { spawnSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { createFileSink } from "../../src/writer/file-sink.js";
import { patternBytes } from "../support/bytes.js";
import { expectFailure, inFolder, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";
import { buildKdumpSplit } from "../support/kdump-image.js";
import { toElf, toKdump } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { vmcoreinfoNote } from "../support/notes.js";
import { failureOf } from "../support/open.js";
import { writeDump } from "../support/write-dump.js";

const root = temporaryFolder();
const kernel = buildKernel({ memory: 24 * MiB, memoryModel: "sparse-extreme" });
const vmcore = toElf(kernel);
/** A small disk of its own takes a superuser who may mount. */
const canMount = spawnSync("unshare", ["-m", "true"]).status === 0;
let folder: string;
let at: (name: string) => string;
let number = 0;

beforeEach(() => {
  folder = join(root, `${number++}`);
  mkdirSync(folder);
  at = inFolder(folder);
});

/** A file of that content, and only it, is in the folder when the run has failed. */
async function failsOn(content: Uint8Array | string, code: number, ...says: (string | RegExp)[]): Promise<void> {
  writeDump(at("input"), typeof content === "string" ? Buffer.from(content) : content);
  expectFailure(await runHere([at("input"), at("out")]), code, at("input"), ...says);
  expect(readdirSync(folder)).toEqual(["input"]);
  expectFailure(await runHere(["info", at("input")]), code, at("input"), ...says);
}

describe("inputs", () => {
  test.each([
    ["a text", "This is no dump, but text that is longer than sixteen bytes.\n", /begins with "This is "/],
    ["gzip", Buffer.from("1f8b0800000000000003", "hex"), /its gzip stream ends too early/],
    ["a saved state of a machine", "\x7fVirtualBox SavedState V2.0\n", /is a saved state of VirtualBox.*dumpvmcore/],
    ["one byte", "x", /begins with "x"/],
    ["nothing", "", /is empty\. Check that it was written to the end/],
    ["a program", buildElf({ type: 3, loads: [] }), /type 3, not a core \(4\)/],
  ])("%s", (_, content, says) => failsOn(content, 1, says));

  test("truncated ELF, and truncated kdump", async () => {
    await failsOn(
      vmcore.subarray(0, 2 * MiB),
      1,
      /is cut off: it has 2097152 bytes, and its headers describe \d+/,
      /[Cc]opy it again/,
    );
    await failsOn(toKdump(kernel).subarray(0, 20_000), 1, /cut off/);
  });

  test("a kdump file that is cut off within its page data: found in mid-run", async () => {
    const whole = toKdump(kernel, { codec: "raw" });
    writeDump(at("input"), whole.subarray(0, whole.length - 2 * MiB));
    expectFailure(await runHere([at("input"), at("out")]), 1, at("input"), /cannot be read/, /Copy the dump again/);
    expect(readdirSync(folder)).toEqual(["input"]);
  });

  test("no such file, a part of the path that is a file, a directory, a pipe", async () => {
    writeFileSync(at("file"), "x");
    mkdirSync(at("dir"));
    for (const [name, says] of [
      ["missing", /cannot be opened: there is no such file/],
      ["file/inside", /not a directory/],
      ["dir", /is a directory, not a dump/],
    ] as const) {
      expectFailure(await runHere([at(name), at("out")]), 1, at(name), says);
    }
    const piped = await runCli(["/dev/stdin", at("out")], { shell: 'cat /dev/zero | "$@"' });
    expectFailure(piped, 1, /is not a kernel dump that coresieve reads: it begins with zeros only/);
    expect(readdirSync(folder)).toEqual(["dir", "file"]);
  });

  test.each([
    [["filtr"], 'command "filtr". Did you mean "filter"?'],
    [["inf", "vmcore"], 'command "inf". Did you mean "info"?'],
    [["verfiy", "vmcore", "--against", "other"], 'command "verfiy". Did you mean "verify"?'],
    [["jobs", "bogus"], 'action "bogus". Write `coresieve jobs`'],
    [["jobs", "wacth", "3f09"], 'action "wacth". Did you mean "watch"?'],
    [["help", "filtr"], 'topic of help "filtr". Did you mean "filter"?'],
    [["completion", "bsh"], 'shell "bsh". Did you mean "bash"?'],
  ])("%j: a misspelt word, and what was meant", async (args, says) => {
    expectFailure(await runHere(args, { cwd: folder }), 2, `coresieve: unknown ${says}`);
  });

  test("a dump whose name is nearly a command's is a dump", async () => {
    writeDump(at("inf"), vmcore);
    expect(await runHere(["inf", "out"], { cwd: folder })).toMatchObject({ code: 0 });
  });

  test("an output behind -F: what was meant", async () => {
    writeDump(at("input"), vmcore);
    expectFailure(await runHere(["-F", at("input"), at("out")]), 1, at("out"), /With -F all files are inputs/);
    expectFailure(
      await runHere(["-F", at("gone"), at("input")]),
      1,
      at("gone"),
      /cannot be opened: there is no such file/,
    );
  });

  test("a missing dump, and an output whose name is wrong, too", async () => {
    writeFileSync(at("file"), "");
    for (const output of [at("file/out"), at("x".repeat(300))])
      expectFailure(
        await runHere([at("gone"), output]),
        1,
        at("gone"),
        /there is no such file \(ENOENT\)\. Check its name/,
      );
  });

  test("names in the wrong order: never the advice to overwrite the dump", async () => {
    writeDump(at("vmcore"), vmcore);
    const swapped = await runHere([at("small"), at("vmcore")]);
    expectFailure(swapped, 1, at("small"), /the dump is named first, and the output last/);
    expectFailure(await runHere([at("vmcore"), at("gone"), at("out")]), 1, at("gone"), /the output last/);
    expect(await runHere([at("vmcore"), at("small")])).toMatchObject({ code: 0 });
    expectFailure(
      await runHere([at("small"), at("vmcore")]),
      1,
      at("vmcore"),
      /larger than the input: if it is the dump/,
    );
    const plain = /exists already\. Use -f to overwrite it/;
    expectFailure(await runHere([at("vmcore"), at("small")]), 1, at("small"), plain);
    // Inputs that are smaller than what is made of them: packed ones, parts, streams; and what is no dump.
    expect(await runHere([at("vmcore"), at("small.gz")])).toMatchObject({ code: 0 });
    expectFailure(await runHere([at("small.gz"), at("vmcore")]), 1, at("vmcore"), plain);
    writeDump(at("notes"), Buffer.alloc(vmcore.length));
    for (const [output = "", ...inputs] of [
      ["vmcore", "small", "small"],
      ["vmcore", "-"],
      ["notes", "small"],
    ]) {
      const options = { force: false, inputs: inputs.map((name) => (name === "-" ? name : at(name))) };
      expect(failureOf(() => createFileSink(at(output), options)).message).toMatch(
        /exists already\. Use .* to overwrite it/,
      );
    }
  });

  test.skipIf(process.getuid?.() === 0)("unreadable (skipped for root, who may read all)", async () => {
    writeDump(at("input"), vmcore);
    chmodSync(at("input"), 0);
    expectFailure(await runHere([at("input"), at("out")]), 1, at("input"), /permission denied/);
  });

  test("no VMCOREINFO: levels above 1 are refused with the levels that work", async () => {
    writeFileSync(at("input"), buildElf({ notes: [], loads: [{ paddr: 0, data: patternBytes("x", 4096) }] }));
    expectFailure(
      await runHere([at("input"), at("out")]),
      1,
      /no VMCOREINFO, neither in a note nor in its memory/,
      /-d 1/,
    );
    expect(readdirSync(folder)).toEqual(["input"]);
    const run = await runHere([at("input"), at("out"), "-d", "1"]);
    expect([run.code, readdirSync(folder)]).toEqual([0, ["input", "out"]]);
  });

  test("no VMCOREINFO and --strict: every warning is an error", async () => {
    writeFileSync(
      at("input"),
      buildElf({
        notes: [vmcoreinfoNote("PAGESIZE=4096\nnonsense\n")],
        loads: [{ paddr: 0, data: patternBytes("x", 4096) }],
      }),
    );
    expectFailure(await runHere([at("input"), at("out"), "-d", "1", "--strict"]), 1, /nonsense.*VMCOREINFO_LINE/);
    expect(readdirSync(folder)).toEqual(["input"]);
  });

  test("a part of a split set alone", async () => {
    const parts = buildKdumpSplit({ pages: new Map([[0, { codec: "zero" }]]), maxMapnr: 16 }, [0, 8, 16]);
    writeFileSync(at("input"), parts[1] as Uint8Array);
    expectFailure(await runHere([at("input"), at("out")]), 1, /A file of the split set is missing/);
  });
});

describe("outputs", () => {
  beforeEach(() => writeDump(at("input"), vmcore));

  /** Refused, and everything in the folder is as it was. */
  async function refuses(output: string, ...says: (string | RegExp)[]): Promise<void> {
    const before = readdirSync(folder, { recursive: true });
    expectFailure(await runHere([at("input"), output]), 1, ...says);
    expect(readdirSync(folder, { recursive: true })).toEqual(before);
    expect(readFileSync(at("input")).equals(vmcore)).toBe(true);
  }

  test("existing: kept, unless -f is given", async () => {
    writeFileSync(at("out"), "precious");
    await refuses(at("out"), at("out"), /exists already\. Use -f/);
    expect(readFileSync(at("out"), "latin1")).toBe("precious");
    expect((await runHere([at("input"), at("out"), "-f"])).code).toBe(0);
    expect(readFileSync(at("out")).toString("latin1", 0, 5)).toBe("KDUMP");
  });

  test("the input itself: by its name, by another path, a symbolic link, a hard link, with -f too", async () => {
    symlinkSync(at("input"), at("symbolic"));
    linkSync(at("input"), at("hard"));
    const names = [
      at("input"),
      `${folder}/../${number - 1}/./input`,
      at("symbolic"),
      at("hard"),
      relative(process.cwd(), at("input")),
    ];
    for (const name of names) {
      await refuses(name, /is the input itself\. Name another file/);
      expectFailure(await runHere([at("input"), name, "-f"]), 1, /is the input itself/);
      expect(readFileSync(at("input")).equals(vmcore)).toBe(true);
    }
  });

  test("a directory, a device, a folder that is not there, a file as folder, no name", async () => {
    mkdirSync(at("dir"));
    await refuses(at("dir"), at("dir"), /is a directory; the output must be a file/);
    await refuses("/dev/null", "/dev/null", /is a device or a name of the system/);
    await refuses(at("nowhere/out"), at("nowhere/out"), /cannot be created: there is no such folder/);
    await refuses(at("input/out"), at("input/out"), /cannot be created/);
    await refuses(`${at("out")}/`, at("out"), /cannot be created/);
    expectFailure(await runHere([at("input"), ""]), 2, /the name of a file is empty/);
  });

  test("a name that leads in a circle, or that is too long", async () => {
    symlinkSync(at("loop"), at("loop"));
    await refuses(at("loop/out"), at("loop"), /cannot be created/);
    await refuses(at("x".repeat(300)), /cannot be created/);
  });

  test("a symbolic link to nothing is not followed", async () => {
    symlinkSync(at("nothing"), at("link"));
    await refuses(at("link"), at("link"), /is a symbolic link to .*nothing, which does not exist\. Use -f/);
  });

  test.skipIf(!canMount)(
    "a full disk: what was written is gone, and the cure names ways to need less (skipped where nothing may be mounted)",
    async () => {
      const mount = join(folder, "small");
      mkdirSync(mount);
      const shell = `mount -t tmpfs -o size=1m tmpfs ${mount} && exec "$@"`;
      const run = await runCli([at("input"), join(mount, "out"), "-d", "0", "--compress", "none"], {
        shell: `unshare -m bash -c '${shell}' sh "$@"`,
      });
      expectFailure(
        run,
        1,
        join(mount, "out"),
        /no space left on the device \(ENOSPC\)/,
        /Make room/,
        /nothing was left behind/,
      );
    },
  );

  test("a limit on the size of files", async () => {
    const run = await runCli([at("input"), at("out"), "-d", "0", "--compress", "none"], {
      shell: 'ulimit -f 1000; exec "$@"',
    });
    expectFailure(run, 1, at("out"), /cannot be written: .*EFBIG/, /nothing was left behind/);
    expect(readdirSync(folder)).toEqual(["input"]);
  });

  test("-F to a full device, and to a program that ends", async () => {
    const full = await runCli(["-F", at("input"), "-d", "0"], { shell: '"$@" > /dev/full' });
    expectFailure(full, 1, "stdout", /no space left on the device \(ENOSPC\)/, /Make room/);
    const closed = await runCli(["-F", at("input"), "-d", "0"], {
      shell: 'set -o pipefail; "$@" | head -c 5000 > /dev/null',
    });
    expectFailure(closed, 1, "stdout", /the program that read the output has ended/);
    rmSync(folder, { recursive: true });
  });
});
