/** Runs that do not reach their end: by a signal, or because nobody reads what they write. */
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { stopOnSignals } from "../../src/cli/stop.js";
import { noiseBytes } from "../support/bytes.js";
import { type CliOptions, runCli, startCli } from "../support/cli.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";
import { vmcoreinfoNote } from "../support/notes.js";

const folder = temporaryFolder();
const input = join(folder, "input");
const MiB = 2 ** 20;
// Noise, four times over, with the slowest codec at hand: some seconds of work.
const noise = noiseBytes(1, 8 * MiB);
writeFileSync(
  input,
  buildElf({
    notes: [vmcoreinfoNote("PAGESIZE=4096\n")],
    loads: [0, 1, 2, 3].map((i) => ({ paddr: i * noise.length, data: noise })),
  }),
);
const slow = ["-d", "0", "-c", "--compression-level", "9", "--num-threads", "2"];

/** Waits for something to come true in a run that goes on; however long that takes on a busy machine. */
async function until(
  what: string,
  { child }: Pick<ReturnType<typeof startCli>, "child">,
  isTrue: () => boolean,
): Promise<void> {
  while (!isTrue()) {
    if (child.exitCode !== null) throw new Error(`ended before: ${what}`);
    await sleep(5);
  }
}

const partials = () => readdirSync(folder).filter((name) => name.endsWith(".partial"));

/** Starts a run, sends the signal when it is in the middle of writing, and returns how it ended. */
async function stopInMidRun(signal: NodeJS.Signals, args: readonly string[], options: CliOptions = {}) {
  const { child, ended, collect } = startCli([input, join(folder, "out"), ...args], options);
  collect();
  await until("a part is written", { child }, () => partials().some((name) => statSync(join(folder, name)).size > 0));
  child.kill(signal);
  return ended;
}

/** Signals for which Node does nothing: they would end the program, and leave its temporary files. At SIGUSR1 it starts a debugger. */
const OTHERS = [
  "SIGQUIT",
  "SIGALRM",
  "SIGVTALRM",
  "SIGXCPU",
  "SIGUSR1",
  "SIGUSR2",
  "SIGIO",
  "SIGPWR",
  "SIGPROF",
] as const;

describe("stopped in mid-run: soon, with 128 + the signal's number, and nothing is left", () => {
  test.each([
    ["SIGINT", 130, slow],
    ["SIGTERM", 143, slow],
    ["SIGTERM", 143, [...slow, "-f"]],
    ...(process.platform === "win32"
      ? []
      : OTHERS.filter((name) => name in constants.signals).map(
          (name) => [name, 128 + constants.signals[name], slow] as const,
        )),
  ] as const)("%s, exit code %i, %j", async (signal, code, args) => {
    const run = await stopInMidRun(signal, args);
    expect([run.code, run.signal, run.stdout.length], run.stderr).toEqual([code, null, 0]);
    // On a busy machine a line of progress comes before.
    expect(run.stderr).toMatch(/^(coresieve: Writing .*\n)*coresieve: stopped; nothing was left behind\n$/);
    expect(readdirSync(folder)).toEqual(["input"]);
  });

  test("with -f the file that was there is still there, whole", async () => {
    writeFileSync(join(folder, "out"), "precious");
    const run = await stopInMidRun("SIGINT", [...slow, "-f"]);
    expect(run.code).toBe(130);
    expect([readdirSync(folder), statSync(join(folder, "out")).size]).toEqual([["input", "out"], 8]);
  });

  test("--quiet is about progress, not about why it ended", async () => {
    const run = await stopInMidRun("SIGINT", [...slow, "-f", "-q"]);
    expect(run.stderr).toBe("coresieve: stopped; nothing was left behind\n");
  });
});

test.skipIf(process.platform === "win32")(
  "a process that is profiled has SIGPROF for its samples: the run goes on",
  async () => {
    const profiles = temporaryFolder();
    const args = [input, join(folder, "out"), "-f", "-q", "-d", "0", "--compress", "none"];
    const shell = `node=$1; shift; exec "$node" --cpu-prof --cpu-prof-dir=${profiles} "$@"`;
    const run = await runCli(args, { shell });
    rmSync(join(folder, "out"));
    expect(run).toMatchObject({ code: 0, signal: null, stderr: "" });
    // One for each thread: samples came.
    const [profile] = readdirSync(profiles);
    expect(JSON.parse(readFileSync(join(profiles, profile as string), "utf8")).samples.length).toBeGreaterThan(1);
  },
);

test("the environment may also say that a process is profiled, as it can since Node 22.15", () => {
  const events = ["SIGPROF", "SIGTERM", "uncaughtException"];
  const added = (options: string) => {
    vi.stubEnv("NODE_OPTIONS", options);
    const on = vi.spyOn(process, "on").mockReturnValue(process);
    const once = vi.spyOn(process, "once").mockReturnValue(process);
    stopOnSignals(() => undefined);
    const calls = [...on.mock.calls, ...once.mock.calls].map(([event]) => event);
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    return events.map((event) => calls.filter((one) => one === event).length);
  };
  expect(added("--no-warnings --cpu-prof")).toEqual([0, 1, 1]);
  expect(added("--cpu-prof-dir=profiles")).toEqual([process.platform === "win32" ? 0 : 1, 1, 1]);
});

describe.skipIf(process.platform === "win32")("stopped in the search of a memory of 500 GiB", () => {
  const dump = join(temporaryFolder(), "sparse");
  const size = 500 * 1024 * MiB;
  // Less that is stored would not be believed to be so much memory.
  writeFileSync(
    dump,
    Buffer.concat([buildElf({ loads: [{ paddr: 0, offset: 4096, filesz: size }] }), Buffer.alloc(16 * MiB, 1)]),
  );
  truncateSync(dump, 4096 + size);

  test.each([
    ["SIGTERM", 143, [dump, join(folder, "sought"), "-d", "31"]],
    ["SIGINT", 130, ["verify", dump]],
  ] as const)("%s, exit code %i, %j: it says what it does, and stops", async (signal, code, args) => {
    const { child, ended, collect } = startCli(args);
    collect();
    child.stderr.once("data", () => child.kill(signal));
    const run = await ended;
    expect([run.code, run.signal, run.stdout.length], run.stderr).toEqual([code, null, 0]);
    expect(run.stderr).toMatch(
      /^(coresieve: Searching memory for the kernel .*\n)+coresieve: stopped; nothing was left behind\n$/,
    );
  });
});

describe.skipIf(process.platform === "win32")("a second signal (skipped on Windows)", () => {
  test("ends the program at once: it says so, and what there was is removed", async () => {
    const { child, ended, collect } = startCli([input, join(folder, "out"), "-f", ...slow]);
    collect();
    await until("a part is written", { child }, () =>
      partials().some((name) => statSync(join(folder, name)).size > MiB),
    );
    // Both are there when the program goes on: the first one's end is no race with the second.
    for (const signal of ["SIGSTOP", "SIGINT", "SIGTERM", "SIGCONT"] as const) child.kill(signal);
    const run = await ended;
    const [, second = ""] =
      /^coresieve: stopped at once by a second signal \((\w+)\); temporary files were removed\n$/.exec(run.stderr) ??
      [];
    expect([run.code, run.stderr, second]).toEqual([
      second === "SIGINT" ? 130 : 143,
      run.stderr,
      expect.stringMatching(/SIGINT|SIGTERM/),
    ]);
    expect(partials()).toEqual([]);
  });
});

describe("-F, the dump into a pipe", () => {
  test("whose reader does not read: a signal ends the run all the same", async () => {
    const { child, ended } = startCli(["-F", input, "-d", "0", "--compress", "none"]);
    // What Node takes in by itself is its buffer's size; then nobody takes in what the child writes, and 32 MiB do not fit into a pipe.
    child.stdout.on("readable", () => undefined);
    await until(
      "the buffer is full",
      { child },
      () => child.stdout.readableLength >= child.stdout.readableHighWaterMark,
    );
    child.kill("SIGTERM");
    const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
    expect(await exit).toBe(143);
    child.stdout.removeAllListeners("readable");
    child.stdout.resume();
    expect((await ended).stderr).toMatch(
      /^coresieve: (stdout: )?stopped: what was sent stays, and ends in the middle\n$|^coresieve: .*stopped.*what was sent stays, and ends in the middle.*\n$/,
    );
  });

  test("whose reader reads slowly gets it all", async () => {
    const target = join(folder, "slowly");
    const shell = `"$@" | (sleep 1; cat > ${target})`;
    const { ended, collect } = startCli(["-F", input, "-d", "0", "--compress", "none", "-q"], { shell });
    collect();
    expect(await ended).toMatchObject({ code: 0, stderr: "" });
    expect(statSync(target).size).toBeGreaterThan(32 * MiB);
  });
});

describe("what is said to nobody", () => {
  test("info into a pipe that is closed: silence", async () => {
    const { ended, collect } = startCli(["info", "--json", input], { shell: 'exec 3> >(:); wait $!; exec "$@" >&3' });
    collect();
    expect(await ended).toMatchObject({ stderr: "" });
  });

  test.each([["info"], ["--help"]])("%s onto a full device: an error", async (word) => {
    const args = word === "info" ? ["info", input] : [word];
    const { ended, collect } = startCli(args, { shell: '"$@" > /dev/full' });
    collect();
    const run = await ended;
    expect(run).toMatchObject({ code: 1 });
    expect(run.stderr).toMatch(/^coresieve: stdout: cannot be written: no space left on the device \(ENOSPC\).*\n$/);
  });
});
