/** What the name of an output means: links are followed with -f, devices and names of open files are refused, by all outputs alike. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { DumpError } from "../../src/errors.js";
import { speakAs } from "../../src/option-words.js";
import { createFileSink } from "../../src/writer/file-sink.js";
import { outputFile, sameOutput } from "../../src/writer/output-path.js";
import { expectFailure, runCli } from "../support/cli.js";
import { temporaryFolder } from "../support/filter.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";

speakAs("commandLine");
const root = temporaryFolder();
const input = join(root, "elf");
writeElf(input, buildKernel({ memory: 24 * MiB, memoryModel: "sparse-extreme" }));
const coresieve = join(import.meta.dirname, "../../dist/cli/main.js");
const program = join(import.meta.dirname, "../../dist/cli/makedumpfile.js");
let folder: string;
let number = 0;
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = join(root, `${number++}`);
  mkdirSync(folder);
  mkdirSync(at("there"));
});

async function write(path: string, force: boolean): Promise<void> {
  const sink = createFileSink(path, { force, inputs: [] });
  await sink.write(Buffer.from("new"), 0);
  await sink.finish(3);
}

/** The error of a function, by its code and message. */
function refusal(what: () => unknown): string {
  try {
    what();
  } catch (error) {
    if (error instanceof DumpError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "none";
}

describe("a symbolic link, with -f:", () => {
  test("the file that it leads to at last is written, in its own folder, and all links stay", async () => {
    writeFileSync(at("there/file"), "old");
    symlinkSync("there", at("folder"));
    symlinkSync("folder/../there/file", at("first"));
    symlinkSync(at("first"), at("second"));
    await write(at("second"), true);
    expect(readFileSync(at("there/file"), "latin1")).toBe("new");
    expect([at("first"), at("second")].map((path) => lstatSync(path).isSymbolicLink())).toEqual([true, true]);
    expect([readdirSync(folder).sort(), readdirSync(at("there"))]).toEqual([
      ["first", "folder", "second", "there"],
      ["file"],
    ]);
  });

  test("`..` behind a link to a folder is what the system takes it for", () => {
    mkdirSync(at("there/deep"));
    symlinkSync("there/deep", at("deep"));
    symlinkSync("deep/../file", at("link"));
    expect(outputFile(at("link"))).toBe(at("there/file"));
  });

  test("one that leads to nothing yet: that file comes into being; without -f it is refused before the run", async () => {
    symlinkSync("there/file", at("link"));
    expect(refusal(() => createFileSink(at("link"), { force: false, inputs: [] }))).toMatch(
      /^OUTPUT_EXISTS: .*is a symbolic link to .*there\/file, which does not exist\. Use -f/,
    );
    await write(at("link"), true);
    expect([readFileSync(at("there/file"), "latin1"), lstatSync(at("link")).isSymbolicLink()]).toEqual(["new", true]);
  });

  test("into a folder that is not there, in a circle: refused before the run", () => {
    symlinkSync("nowhere/file", at("link"));
    symlinkSync("circle", at("circle"));
    for (const name of ["link", "circle"]) {
      expect(refusal(() => createFileSink(at(name), { force: true, inputs: [] }))).toMatch(
        /^NOT_WRITABLE: .*cannot be created/,
      );
    }
    expect(readdirSync(folder).sort()).toEqual(["circle", "link", "there"]);
  });

  test.runIf(process.getuid?.() === 0)("another user's in a folder for all is a trap", () => {
    spawnSync("chmod", ["1777", at("there")]);
    writeFileSync(at("precious"), "precious");
    symlinkSync(at("precious"), at("there/link"));
    lchownSync(at("there/link"), 12345, 12345);
    const says = refusal(() => createFileSink(at("there/link"), { force: true, inputs: [] }));
    // The system may have refused it first.
    expect(says).toMatch(/^NOT_WRITABLE: .*(is a symbolic link of another user|permission denied)/);
    expect(readFileSync(at("precious"), "latin1")).toBe("precious");
  });

  test("stdin that is the output's file: the input is never overwritten", async () => {
    writeFileSync(at("dump"), readFileSync(input));
    const run = await runCli(["-", at("dump"), "-f"], { shell: `"$@" < '${at("dump")}'` });
    expectFailure(run, 1, /dump: is the input itself\. Name another file/);
    expect(readFileSync(at("dump")).equals(readFileSync(input))).toBe(true);
  });

  test("an input that is named as stdin is in messages: it is never overwritten", async () => {
    writeFileSync(at("stdin"), readFileSync(input));
    const run = await runCli(["-q", "-f", "stdin", "stdin"], { cwd: folder, shell: '"$@" < /dev/null' });
    expectFailure(run, 1, /stdin: is the input itself\. Name another file/);
    expect(readFileSync(at("stdin")).equals(readFileSync(input))).toBe(true);
    // The dump itself comes from stdin, and a file has its name.
    const options = { force: true, inputs: ["-"] };
    expect(refusal(() => createFileSink(at("stdin"), options))).toBe("none");
  });

  test.runIf(process.getuid?.() === 0)("a folder that a bind mount shows at two places is one", (context) => {
    mkdirSync(at("mounted"));
    if (spawnSync("mount", ["--bind", at("there"), at("mounted")]).status !== 0) context.skip();
    try {
      expect(sameOutput(at("there/new"), at("mounted/new"))).toBe(true);
      expect(sameOutput(at("there/new"), at("mounted/other"))).toBe(false);
    } finally {
      spawnSync("umount", [at("mounted")]);
    }
  });

  test("two outputs that lead to one file are seen, and the input at the end of a link", () => {
    symlinkSync("there/file", at("link"));
    expect(sameOutput(at("link"), join(folder, "there/../there/file"))).toBe(true);
    expect(sameOutput(at("link"), at("there/other"))).toBe(false);
    writeFileSync(at("there/file"), "a dump");
    const options = { force: true, inputs: [at("there/file")] };
    expect(refusal(() => createFileSink(at("link"), options))).toMatch(/is the input itself/);
  });

  test("the program and the drop-in write through it", async () => {
    for (const how of ["coresieve", "makedumpfile"]) {
      writeFileSync(at(`there/${how}`), "old");
      symlinkSync(`there/${how}`, at(how));
      const made =
        how === "coresieve"
          ? (await runCli([input, at(how), "-f", "-d", "1"])).code
          : spawnSync(process.execPath, [program, "-f", "-d", "1", input, at(how)]).status;
      expect([made, lstatSync(at(how)).isSymbolicLink()]).toEqual([0, true]);
      expect(readFileSync(at(`there/${how}`), "latin1").slice(0, 5)).toBe("KDUMP");
    }
    symlinkSync("there/none", at("dangling"));
    const refused = spawnSync(process.execPath, [program, "-d", "1", input, at("dangling")], { encoding: "utf8" });
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining("File exists")]);
    expect(existsSync(at("there/none"))).toBe(false);
  });
});

describe.runIf(process.platform === "linux")("devices and names of the system", () => {
  test.each([
    ["/dev/stdout", /one that a program has open.*- as OUT/],
    ["/dev/fd/1", /one that a program has open.*- as OUT/],
    ["/proc/self/fd/1", /one that a program has open/],
    ["/dev/null", /is a device or a name of the system/],
    ["/dev/new", /is a device or a name of the system/],
    ["/dev/../dev/zero", /is a device or a name of the system/],
    ["/proc/self/comm", /is a device or a name of the system/],
    ["/sys/power/state", /is a device or a name of the system/],
  ])("%s, by itself and at the end of a link, with -f and without", (path, says) => {
    symlinkSync(path, at("link"));
    for (const force of [true, false]) {
      for (const name of [path, at("link")]) {
        expect(refusal(() => createFileSink(name, { force, inputs: [] }))).toMatch(/^NOT_WRITABLE/);
        expect(refusal(() => createFileSink(name, { force, inputs: [] }))).toMatch(says);
      }
    }
  });

  test("a FIFO is no output either; /dev/shm is a folder of files", () => {
    spawnSync("mkfifo", [at("fifo")]);
    expect(refusal(() => createFileSink(at("fifo"), { force: true, inputs: [] }))).toMatch(
      /is a FIFO; the output must be a file/,
    );
    if (existsSync("/dev/shm")) expect(outputFile("/dev/shm/coresieve-test")).toBe("/dev/shm/coresieve-test");
  });

  test.each([
    ["OUT", [input, "NAME"]],
    ["--manifest", [input, "out", "--manifest", "NAME"]],
    ["--report", [input, "out", "--report", "NAME"]],
    ["report --output", ["report", input, "--output", "NAME"]],
    ["-g", ["-g", "NAME", input]],
    ["split", ["split", input, "a", "NAME"]],
  ])("all outputs refuse them, with -f too: %s", async (_, args) => {
    const target = at("stdout");
    const words = args.map((word) => (word === "NAME" ? "/dev/stdout" : word));
    const run = await runCli([...words, "-f"], { cwd: folder, shell: `"$@" > ${target}` });
    expectFailure(run, 1, /^coresieve: \/dev\/stdout: is not a file but one that a program has open/);
    expect([statSync(target).size, lstatSync("/dev/stdout").isSymbolicLink()]).toEqual([0, true]);
    expect(readdirSync(folder).sort()).toEqual(["stdout", "there"]);
  });

  test("the drop-in refuses them: OUT, --dump-dmesg, -R", () => {
    for (const mode of [["-d", "1"], ["--dump-dmesg"]]) {
      const args = [program, "-f", ...mode, input, "/dev/stdout"];
      const run = spawnSync(process.execPath, args, { encoding: "utf8", cwd: folder });
      expect([run.status, run.stderr]).toEqual([1, expect.stringMatching(/\/dev\/stdout: is not a file/)]);
    }
    expect(readdirSync(folder)).toEqual(["there"]);
  });
});

describe("- as an output that is a file:", () => {
  test("it is refused with what to write instead, and no file of that name comes into being", async () => {
    expect(refusal(() => outputFile("-"))).toMatch(
      /^NOT_WRITABLE: -: this output must be a file.*\(\.\/- for a file called -\)$/,
    );
    expect(outputFile("./-")).toBe("./-");
    const run = await runCli(["-g", "-", input], { cwd: folder });
    expectFailure(run, 1, "it cannot go to stdout", "./-");
    expect(existsSync(at("-"))).toBe(false);
  });
});

test.runIf(process.getuid?.() === 0)(
  "another user's file in a folder where only its owner may replace it: refused before the run",
  () => {
    for (const one of [root, folder]) chmodSync(one, 0o755);
    chmodSync(at("there"), 0o1777);
    writeFileSync(at("there/file"), "precious");
    for (const args of [[at("there/file")], [at("there/new"), "--manifest", at("there/file")]]) {
      // Whatever comes of the run, it would come out of it last.
      const run = spawnSync(process.execPath, [coresieve, input, ...args, "-f"], {
        encoding: "utf8",
        uid: 65_534,
        gid: 65_534,
      });
      expect(run).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(
          /belongs to another user, and in its folder only the owner of a file may replace it\. Name another file/,
        ),
      });
    }
    expect([readdirSync(at("there")), readFileSync(at("there/file"), "latin1")]).toEqual([["file"], "precious"]);
    // Its owner may, and so may the folder's.
    lchownSync(at("there/file"), 65_534, 65_534);
    const own = spawnSync(process.execPath, [coresieve, input, at("there/file"), "-f", "-q"], {
      encoding: "utf8",
      uid: 65_534,
      gid: 65_534,
    });
    expect(own).toMatchObject({ status: 0, stderr: "" });
  },
);

test("a name as long as file systems allow, of letters and of signs of several bytes", async () => {
  for (const name of ["x".repeat(255), `${"é".repeat(127)}x`, "\u{1f4be}".repeat(63)]) {
    const sink = createFileSink(at(name), { force: false, inputs: [] });
    await sink.write(new Uint8Array(3), 0);
    expect(readdirSync(folder).every((one) => Buffer.byteLength(one) <= 255 && !one.includes("\ufffd"))).toBe(true);
    await sink.finish(3);
    expect(readFileSync(at(name)).length).toBe(3);
  }
  expect(readdirSync(folder).length).toBe(4);
});

test.skipIf(process.platform === "win32")(
  "a name that is not UTF-8 is refused: the file would get another one",
  async () => {
    for (const option of ["", "--manifest", "--report", "-g"]) {
      const words =
        option === "-g" ? `-g $'o\\xff' '${input}'` : `'${input}' ${option && "out"} ${option} $'o\\xff' -d 31`;
      const run = await runCli([], { cwd: folder, shell: `"$@" ${words} -q` });
      expect(run.code, run.stderr).not.toBe(0);
      expect(run.stderr).toMatch(/its name is not UTF-8/);
      expect(readdirSync(folder)).toEqual(["there"]);
    }
  },
);

test.skipIf(process.platform === "win32")("an input whose name is not UTF-8 is said to be that", async () => {
  const run = await runCli([], { cwd: folder, shell: `cp '${input}' $'i\\xff'; "$@" $'i\\xff' out -d 31 -q` });
  expect(run.code, run.stderr).toBe(1);
  expect(run.stderr).toMatch(/Its name is not UTF-8, and Node\.js has no other names: give it another, or a link/);
});
