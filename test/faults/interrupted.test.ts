/** What happens around a run: it is killed, its input changes, its output's folder goes away; and who may read what it writes. */
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { noiseBytes } from "../support/bytes.js";
import { expectFailure, runCli, startCli } from "../support/cli.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";
import { vmcoreinfoNote } from "../support/notes.js";
import { openKdump } from "../support/other-kdump.js";

const root = temporaryFolder();
const MiB = 2 ** 20;
// Noise with the slowest codec at hand: some seconds of work.
const noise = noiseBytes(1, 3 * MiB);
const dump = buildElf({
  notes: [vmcoreinfoNote("PAGESIZE=4096\n")],
  loads: [0, 1, 2, 3].map((i) => ({ paddr: i * noise.length, data: noise })),
});
const slow = ["-d", "0", "-c", "--compression-level", "9", "--num-threads", "1", "-q"];
const PARTIAL = /^\.out\.[0-9a-f]{8}\.partial$/;
const canMount = spawnSync("unshare", ["-m", "true"]).status === 0;

let folder: string;
let number = 0;
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = join(root, `${number++}`);
  mkdirSync(folder);
  mkdirSync(at("to"));
  writeFileSync(at("input"), dump);
});

/** Starts a slow run, waits until it has written something, and does `then` to it. */
async function inMidRun(then: (child: { kill(signal: NodeJS.Signals): void }) => void, shell?: string) {
  const run = startCli([at("input"), at("to/out"), ...slow], shell === undefined ? {} : { shell });
  run.collect();
  const written = () =>
    partials().some((name) => (statSync(at(`to/${name}`), { throwIfNoEntry: false })?.size ?? 0) > MiB);
  while (!written()) {
    if (run.child.exitCode !== null) throw new Error("ended before anything was written");
    await sleep(5);
  }
  then(run.child);
  return run.ended;
}

const partials = () => readdirSync(at("to")).filter((name) => name.endsWith(".partial"));

describe("SIGKILL", () => {
  test("no file has the output's name; what is left says by its name what it is; the next run does not mind", async () => {
    const run = await inMidRun((child) => child.kill("SIGKILL"));
    expect(run.signal).toBe("SIGKILL");
    const [left, ...others] = readdirSync(at("to"));
    expect([left, others]).toEqual([expect.stringMatching(PARTIAL), []]);
    expect(statSync(at(`to/${left}`)).mode & 0o777).toBe(0o600);
    const next = await runCli([at("input"), at("to/out"), "-d", "0", "--num-threads", "1"]);
    expect(next.code).toBe(0);
    expect(readdirSync(at("to")).sort()).toEqual([left, "out"].sort());
    openKdump(at("to/out")).close();
  });

  test("at any moment: whatever is there under the output's name is whole", async () => {
    const whole = await runCli([at("input"), at("whole"), "-d", "0", "-l", "--num-threads", "1"]);
    const wanted = readFileSync(at("whole"));
    // From before the program has loaded to after it has ended.
    for (let i = 0; i < 6; i++) {
      const { child, ended, collect } = startCli([
        at("input"),
        at("to/out"),
        "-f",
        "-d",
        "0",
        "-l",
        "--num-threads",
        "1",
      ]);
      collect();
      await sleep((whole.milliseconds * i) / 5);
      child.kill("SIGKILL");
      await ended;
      if (existsSync(at("to/out"))) expect(readFileSync(at("to/out")).equals(wanted)).toBe(true);
      expect(readdirSync(at("to")).filter((name) => name !== "out" && !PARTIAL.test(name))).toEqual([]);
      rmSync(at("to"), { recursive: true });
      mkdirSync(at("to"));
    }
  });
});

test("SIGHUP, when the terminal goes away, is a stop like any other", async () => {
  const run = await inMidRun((child) => child.kill("SIGHUP"));
  expect([run.code, run.stderr]).toEqual([129, "coresieve: stopped; nothing was left behind\n"]);
  expect(readdirSync(at("to"))).toEqual([]);
});

describe("an input that changes while it is read:", () => {
  test.each([
    [
      "cut off",
      () => truncateSync(at("input"), 8 * MiB),
      /changed while it was read: it had \d+ bytes and has 8388608 now/,
    ],
    ["longer", () => appendFileSync(at("input"), "more"), /changed while it was read: it had/],
    [
      "written to",
      () => writeSync(openSync(at("input"), "r+"), "other", 11 * MiB),
      /changed while it was read: it was written to/,
    ],
  ] as const)("%s: an error, and no output", async (_, change, says) => {
    const run = await inMidRun(change);
    expectFailure(run, 1, at("input"), says, /Wait until the dump has been written/);
    expect(readdirSync(at("to"))).toEqual([]);
  });

  test("another file takes its name: the one that was opened is read to its end", async () => {
    const run = await inMidRun(() => {
      writeFileSync(at("other"), "no dump");
      renameSync(at("other"), at("input"));
    });
    expect([run.code, run.stderr]).toEqual([0, ""]);
  });

  test("bare memory may be that of a running machine: a warning, under --strict an error", async () => {
    writeFileSync(at("input"), Buffer.concat([noise, noise, noise, noise]));
    const options = ["--raw", "0", "--arch", "x86_64"];
    for (const strict of [false, true]) {
      const args = [
        at("input"),
        at("to/out"),
        ...slow.filter((word) => word !== "-q"),
        ...options,
        ...(strict ? ["--strict", "-i", at("info")] : []),
      ];
      writeFileSync(at("info"), "OSRELEASE=6.1.0\nPAGESIZE=4096\n");
      const run = startCli(args);
      run.collect();
      while (partials().length === 0 && run.child.exitCode === null) await sleep(5);
      writeSync(openSync(at("input"), "r+"), `${strict}`, 11 * MiB);
      const { code, stderr } = await run.ended;
      if (strict) expect([code, readdirSync(at("to"))]).toEqual([1, []]);
      else expect([code, stderr]).toEqual([0, expect.stringContaining("[INPUT_CHANGED]")]);
      rmSync(at("to/out"), { force: true });
    }
  });
});

describe("an output whose folder", () => {
  test("goes away", async () => {
    const run = await inMidRun(() => rmSync(at("to"), { recursive: true }));
    expectFailure(run, 1, at("to/out"), /cannot be written: there is no such file/);
    expect(existsSync(at("to"))).toBe(false);
  });

  test("is exchanged for a link to another: nothing is there, here or where it was moved", async () => {
    mkdirSync(at("elsewhere"));
    const run = await inMidRun(() => {
      renameSync(at("to"), at("moved"));
      symlinkSync(at("elsewhere"), at("to"));
    });
    expectFailure(run, 1, at("to/out"), /its folder was moved, or removed, while it was written/);
    expect([readdirSync(at("moved")), readdirSync(at("elsewhere"))]).toEqual([[], []]);
  });

  test("gets a file of that name meanwhile: it is kept", async () => {
    const run = await inMidRun(() => writeFileSync(at("to/out"), "precious"));
    expectFailure(run, 1, at("to/out"), /was created by somebody else while the dump was written/);
    expect([readdirSync(at("to")), readFileSync(at("to/out"), "latin1")]).toEqual([["out"], "precious"]);
  });

  test.skipIf(!canMount)("is on a file system that is read-only (skipped where nothing may be mounted)", async () => {
    const shell = `unshare -m bash -c 'mount -t tmpfs -o ro tmpfs ${at("to")} && exec "$@"' sh "$@"`;
    const run = await runCli([at("input"), at("to/out"), "-d", "0"], { shell });
    expectFailure(run, 1, at("to/out"), /cannot be created: the file system is read-only \(EROFS\)/);
  });

  test.skipIf(!canMount)("becomes read-only in mid-run (skipped where nothing may be mounted)", async () => {
    const inner = `mount -t tmpfs tmpfs ${at("to")}; "$@" & while kill -0 $! && ! ls -A ${at("to")} | grep -q partial; do sleep 0.01; done; mount -o remount,ro,force ${at("to")} || umount -l ${at("to")}; wait $!; exit $?`;
    const run = await runCli([at("input"), at("to/out"), ...slow], { shell: `unshare -m bash -c '${inner}' sh "$@"` });
    // An open file keeps a file system writable, and then it has gone with its folder.
    expect([0, 1]).toContain(run.code);
    expect(run.stderr).not.toMatch(/^ +at /m);
  });
});

describe("who may read it", () => {
  test("0600 from its first byte on, whatever the umask, and no other name is used", async () => {
    const seen = new Set<string>();
    const run = await inMidRun(() => {
      for (const name of readdirSync(at("to")))
        seen.add(`${PARTIAL.test(name)} ${(statSync(at(`to/${name}`)).mode & 0o777).toString(8)}`);
    }, 'umask 0; exec "$@"');
    expect([run.code, [...seen]]).toEqual([0, ["true 600"]]);
    expect([readdirSync(at("to")), statSync(at("to/out")).mode & 0o777]).toEqual([["out"], 0o600]);
  });

  test("-f over a file that all may read: the new one is its owner's only", async () => {
    writeFileSync(at("to/out"), "old", { mode: 0o666 });
    const run = await runCli([at("input"), at("to/out"), "-f", "-d", "0"]);
    expect([run.code, statSync(at("to/out")).mode & 0o777]).toEqual([0, 0o600]);
  });

  test("a link under the output's name: its target is kept, and with -f replaced, 0600, and the link stays", async () => {
    mkdirSync(at("there"));
    writeFileSync(at("there/target"), "precious", { mode: 0o644 });
    symlinkSync("../there/target", at("to/out"));
    expectFailure(await runCli([at("input"), at("to/out"), "-d", "0"]), 1, /exists already/);
    expect(readFileSync(at("there/target"), "latin1")).toBe("precious");
    expect((await runCli([at("input"), at("to/out"), "-f", "-d", "0"])).code).toBe(0);
    expect(lstatSync(at("to/out")).isSymbolicLink()).toBe(true);
    openKdump(at("there/target")).close();
    expect([readdirSync(at("there")), statSync(at("there/target")).mode & 0o777]).toEqual([["target"], 0o600]);
  });

  test("a link that appears in mid-run is not followed either", async () => {
    const run = await inMidRun(() => symlinkSync(at("target"), at("to/out")));
    expectFailure(run, 1, /was created by somebody else while/);
    expect([existsSync(at("target")), lstatSync(at("to/out")).isSymbolicLink()]).toEqual([false, true]);
  });
});
