/** Nothing outside of a run's inputs can break it, hang it, or change what it writes. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type CliOptions, expectFailure, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";

/** Kilobytes: Node 24 and 26 themselves end at their start with 1,100,000. */
const ADDRESSES = 1_500_000;
const folder = temporaryFolder();
const vmcore = join(folder, "vmcore");
let right: Buffer;

/** Filters the sample in some surroundings, and expects the output of any other run. */
async function filtersAsAlways(options: CliOptions): Promise<void> {
  const output = join(mkdtempSync(join(folder, "run-")), "out");
  const { code, stderr } = await runCli([vmcore, output, "-c", "-q"], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(readFileSync(output).equals(right)).toBe(true);
}

beforeAll(async () => {
  writeFileSync(vmcore, sampleDump());
  const output = join(folder, "right");
  expect((await runCli([vmcore, output, "-c", "-q"])).code).toBe(0);
  right = readFileSync(output);
});

test("a run keeps nothing for the next one: homes, caches and the temporary folder stay empty", async () => {
  const names = ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "LOCALAPPDATA", "TMPDIR"];
  const env = Object.fromEntries(names.map((name) => [name, mkdtempSync(join(folder, `${name}-`))]));
  await filtersAsAlways({ env });
  for (const name of names) expect(readdirSync(env[name] as string), name).toEqual([]);
});

test
  .skipIf(process.platform !== "linux")
  .each([["/proc"], ["/dev/null"], ["/nonexistent/coresieve"], ["relative"], [""], [undefined]])(
  "HOME and the cache's folder are %j",
  async (place) => {
    await filtersAsAlways({ env: { HOME: place, XDG_CACHE_HOME: place } });
    expect(existsSync("/nonexistent")).toBe(false);
  },
);

test.skipIf(process.platform !== "linux")("pipes, noise and zeros lie where caches have been", async () => {
  // Under the names that 0.1.0 had before its release: chunk, place and version of V8.
  const cache = join(folder, "former", "coresieve");
  mkdirSync(cache, { recursive: true });
  for (const name of ["chunk-start.js", "chunk-filter.js", "worker.cjs"]) execFileSync("mkfifo", [join(cache, name)]);
  writeFileSync(join(cache, "chunk-answers.cjs"), Buffer.alloc(65536));
  await filtersAsAlways({ env: { XDG_CACHE_HOME: join(folder, "former") } });
});

const gone = () => `d=$(mktemp -d '${folder}/gone-XXXXXX'); cd "$d"; rmdir "$d"; exec "$@"`;

test.skipIf(process.platform !== "linux").each([[["--version"]], [["jobs", "--help"]], [["out", "-d31"]]])(
  "%j in a working directory that was removed: that is said, not that the command line is wrong",
  async (args) => {
    expectFailure(await runCli(args, { shell: gone() }), 1, /the working directory does not exist any more/);
  },
);

test
  .skipIf(process.platform !== "linux")
  .each([
    [[vmcore, "out"]],
    [["-g", "text", vmcore]],
    [["report", vmcore, "--output", "page.html"]],
    [["rearrange", vmcore, "out"]],
    [["info", "vmcore"]],
    [["verify", "vmcore"]],
    [["estimate", "vmcore"]],
  ])("%j, where names begin in a working directory that was removed: not the name is wrong", async (args) => {
  expectFailure(
    await runCli(args, { shell: gone() }),
    1,
    /: the working directory does not exist any more. Go to one that exists/,
  );
});

test("--version is lines, not one line with escapes", async () => {
  const { code, stdout } = await runCli(["--version"]);
  expect(code).toBe(0);
  expect(stdout.toString()).toMatch(/^coresieve \d.*\nzlib, lzo, snappy: built in\nzstd: .*\n$/);
});

describe.skipIf(process.platform !== "linux")(
  "what surrounds a run and cannot be had is said by name, in one line",
  () => {
    test.each([
      [
        "a working directory that was removed",
        gone(),
        /the working directory does not exist any more. Go to one that exists: `cd \/`/,
      ],
      [
        `${ADDRESSES} kB of addresses`,
        `ulimit -v ${ADDRESSES}; exec "$@"`,
        new RegExp(`address space .* ${Math.floor(ADDRESSES / 1024)} MiB, .*\`ulimit -v unlimited\``),
      ],
      [
        "Node without WebAssembly",
        'export NODE_OPTIONS=--jitless; exec "$@" 2> >(grep -v ^Warning: >&2)',
        /without WebAssembly.*--jitless/,
      ],
    ])("%s", async (_, shell, says) => {
      const output = join(mkdtempSync(join(folder, "run-")), "out");
      expectFailure(await runCli([vmcore, output, "-c", "-q"], { shell }), 1, says);
      expect(existsSync(output)).toBe(false);
    });

    test("too few open files, whatever is opened last: never silence, never a mistake of ours", async () => {
      const codes = new Set<number | null>();
      // Below 20 Node cannot read the program, and from 26 on all is there; both are more from Node 22 on.
      const least = process.versions.node.startsWith("20.") ? 20 : 22;
      for (let most = least; most <= least + 8; most++) {
        const output = join(mkdtempSync(join(folder, "run-")), "out");
        const run = await runCli([vmcore, output, "-c", "-q"], { shell: `ulimit -n ${most}; exec "$@"` });
        codes.add(run.code);
        if (run.code === 0) expect(readFileSync(output).equals(right)).toBe(true);
        else
          expectFailure(run, 1, /too many open files|limit of open files|no thread can be started/, /`ulimit -n 1024`/);
      }
      expect(codes).toEqual(new Set([0, 1]));
    });
  },
);

// Of root the system counts no processes; below 8 Node itself does not start.
test.skipIf(process.platform !== "linux" || process.getuid?.() !== 0)(
  "too few processes and threads: one line of ours, by name",
  async () => {
    const place = mkdtempSync(join(folder, "run-"));
    chmodSync(folder, 0o755);
    chmodSync(place, 0o777);
    chmodSync(vmcore, 0o644);
    const shell = (most: number) =>
      `exec setpriv --reuid 65533 --regid 65533 --clear-groups bash -c 'ulimit -u ${most}; exec "$@"' sh "$@"`;
    const runs = [];
    for (const most of [8, 9])
      runs.push(await runCli([vmcore, join(place, "out"), "-q", "-f"], { shell: shell(most) }));
    for (const { code, stderr } of runs.filter((run) => run.code !== 0 && run.stderr.includes("coresieve:"))) {
      expect(code).toBe(1);
      expect(stderr).toMatch(/^coresieve: no thread can be started: .*EAGAIN.*`ulimit -u unlimited`.*$/m);
    }
  },
);

describe.skipIf(process.platform !== "linux")(
  "a FIFO that nobody writes to, and a device, in place of a file beside the dump",
  () => {
    const fifo = join(folder, "fifo");
    beforeAll(() => execFileSync("mkfifo", [fifo]));

    test.each([
      ["--config"],
      ["-x"],
      ["-i"],
      ["--erase"],
      ["--extension"],
      ["handover", "--secrets"],
      ["handover", "--sign"],
      ["audit", "--secrets"],
      ["verify", "--manifest"],
    ])("%s %s: an error at once, no waiting", async (...words) => {
      const option = words.pop() as string;
      const output = words[0] === "audit" || words[0] === "verify" ? [] : [join(folder, "of-fifo")];
      // Who waits for a FIFO does so for ever: not in this process.
      for (const [run, path] of [
        [runCli, fifo],
        [runHere, "/dev/zero"],
      ] as const) {
        expectFailure(await run([...words, vmcore, ...output, option, path]), 1, /is not a regular file/);
      }
      expect(existsSync(join(folder, "of-fifo"))).toBe(false);
    });

    test("parts:FILE", async () => {
      expectFailure(await runCli([vmcore, `parts:${fifo}`]), 1, /is not a regular file/);
      expectFailure(await runHere([vmcore, "parts:/dev/zero"]), 1, /is not a regular file/);
    });
  },
);
