/** coresieve-makedumpfile beside makedumpfile: the same command on the same dump, by both programs. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parseMakedumpfile } from "../../src/cli/makedumpfile/arguments.js";
import { Messages } from "../../src/cli/makedumpfile/messages.js";
import { realDump } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";
import { bitmapPfns, keptPages, readKdumpBitmap2 } from "../support/golden.js";
import { openKdump } from "../support/other-kdump.js";
import { type Outcome, type RunOptions, run } from "./support/run.js";
import { asMakedumpfile, describeReader, hasNewMakedumpfile } from "./support/tools.js";

const program = fileURLToPath(new URL("../../dist/cli/makedumpfile.js", import.meta.url));
const folder = temporaryFolder();
let runs = 0;

interface Both {
  readonly theirs: Outcome;
  readonly ours: Outcome;
  /** The same name in the folder of each. */
  path(name: string): readonly [theirs: string, ours: string];
}

/** Runs a command line by both, each with a folder of its own for `OUT`; `before` fills it. */
async function both(
  line: string,
  dump: string,
  before: (out: string) => void = () => undefined,
  stdinFile?: string,
): Promise<Both> {
  const base = join(folder, `${runs++}`);
  const one = async (name: string, command: string, first: readonly string[]) => {
    const out = join(base, name);
    mkdirSync(out, { recursive: true });
    before(out);
    const flat = line.split(" ").includes("-F");
    const options: RunOptions = {
      ...(flat ? { stdoutFile: join(out, "stdout") } : {}),
      ...(stdinFile === undefined ? {} : { stdinFile }),
    };
    const args = line.split(" ").map((word) => word.replace("VMCORE", dump).replace("OUT", out));
    const outcome = await run(command, [...first, ...args], options);
    // Each in its own folder: the messages shall be the same.
    const same = (text: string) => text.replaceAll(out, "OUT");
    return { ...outcome, stdout: same(outcome.stdout), stderr: same(outcome.stderr) };
  };
  return {
    theirs: await one("theirs", "makedumpfile", []),
    ours: await one("ours", process.execPath, [program]),
    path: (name) => [join(base, "theirs", name), join(base, "ours", name)],
  };
}

/** makedumpfile 1.7.2 knows kernels up to 6.0 and says so of newer ones. */
const KERNEL_TOO_NEW = "The kernel version is not supported.\nThe makedumpfile operation may be incomplete.\n";

const PROGRESS_LINE = /\r[^\r\n]{50}: \[[ \d.]{5} %\] [/|\\-] {2}.{16}\n?/g;

/** The header's status: codec, incomplete, without struct pages. */
function statusOf(file: string): number {
  const kdump = openKdump(file);
  try {
    return kdump.facts.status;
  } finally {
    kdump.close();
  }
}

/** What has to be the same of the two: all words but times, sizes of compressed data, and the cache that we have not. */
function words(text: string): string {
  return text
    .replaceAll(KERNEL_TOO_NEW, "")
    .replaceAll(PROGRESS_LINE, "")
    .replaceAll(/^STEP .* seconds\n/gm, "")
    .replace(/^Write bytes {5}: \d+$/m, "Write bytes     : N")
    .replace(/^Cache hit: .*$/m, "Cache hit: N");
}

/** The same of stderr, where progress breaks lines in its own way. */
function errorWords(text: string): string {
  return words(text)
    .replaceAll(/\n{2,}/g, "\n")
    .trimStart();
}

/** The progress lines that end a step, in their order, each once. */
function steps(text: string): readonly string[] {
  const ends = [...text.matchAll(/\r(.{50}: \[)100\.0 %\] [/|\\-] {2} {10} +(?:eta: 0s)?/g)].map(
    ([, label]) => label as string,
  );
  return [...new Set(ends)];
}

describeReader("coresieve-makedumpfile does what makedumpfile does", ["makedumpfile"], () => {
  const cases: readonly (readonly [line: string, ...dumps: string[]])[] = [
    ["-l --message-level 7 -d 31 VMCORE OUT/dump", "tiny-x86-6.1", "tiny-x86-6.1-holes"],
    ["-c --show-stats -d 31 VMCORE OUT/dump", "tiny-x86-6.1", "tiny-x86-6.1-sparse-classic"],
    ["--message-level 31 -d 0 VMCORE OUT/dump", "tiny-x86-6.1"],
    ["-d1 -c --message-level=16 VMCORE OUT/dump", "tiny-x86-6.1"],
    ["VMCORE OUT/dump -cd 17 --show-stats", "tiny-x86-6.1"],
    ["--num-threads 2 -d 31 -l VMCORE OUT/dump", "x86-6.1-kdump-tiny"],
    ["-b 8 --cyclic-buffer 1024 --non-mmap --work-dir OUT -d 31 VMCORE OUT/dump", "tiny-x86-6.1"],
    ["-d 1,31 -c -L 3M VMCORE OUT/dump", "tiny-x86-6.1"],
  ];
  const lines = cases.flatMap(([line, ...dumps]) => dumps.map((dump) => [line, dump] as const));

  test.each(lines)("%s: %s", async (line, dump) => {
    const { theirs, ours, path } = await both(line, (await realDump(dump)).vmcore);
    expect({ code: ours.code, stdout: said(ours.stdout), stderr: errorWords(ours.stderr) }).toEqual({
      code: theirs.code,
      stdout: said(theirs.stdout),
      stderr: errorWords(theirs.stderr),
    });
    expect(theirs.code).toBe(0);
    expect(steps(ours.stderr)).toEqual(steps(theirs.stderr));
    const [their, our] = path("dump");
    expect(keptPages(our)).toEqual(keptPages(their));
  });

  /** Debug messages are of the program's own inside. */
  const said = (stdout: string) =>
    words(stdout.replace(/^makedumpfile: version [\s\S]*?\n(?=\nOriginal pages|\nThe dumpfile)/, ""));

  test("-F: the dump on stdout, all words on stderr", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { theirs, ours, path } = await both("-F -l -d 31 --show-stats VMCORE", vmcore);
    expect({ ...ours, stderr: errorWords(ours.stderr) }).toEqual({ ...theirs, stderr: errorWords(theirs.stderr) });
    expect(ours.stderr).toContain(`Write bytes     : ${readFileSync(path("stdout")[1]).length}\n`);
    for (const [i, flat] of path("stdout").entries()) {
      const rearranged = join(folder, `rearranged.${i}`);
      expect((await run("makedumpfile", ["-R", rearranged], { stdinFile: flat })).code).toBe(0);
    }
    expect(keptPages(join(folder, "rearranged.1"))).toEqual(keptPages(join(folder, "rearranged.0")));
  });

  test("-E: the same report, but makedumpfile leaves short runs of dropped pages in", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { theirs, ours } = await both("-E -d 31 --show-stats VMCORE OUT/dump", vmcore);
    const elf = (text: string) => text.replaceAll(/^( {5}in ELF format : 0x|.*is reduced to ).*$/gm, "$1");
    expect(elf(words(ours.stdout))).toBe(elf(words(theirs.stdout)));
    const counts = (text: string) => [...text.matchAll(/in ELF format : (0x\w+)/g)].map(([, count]) => Number(count));
    // Excluded, remaining.
    expect(counts(ours.stdout)[0]).toBeGreaterThan(counts(theirs.stdout)[0] as number);
    expect(counts(ours.stdout)[1]).toBeLessThan(counts(theirs.stdout)[1] as number);
    expect([theirs.code, ours.code]).toEqual([0, 0]);
  });

  test("6.12: 1.7.2 keeps more, and we nothing that it drops; newer ones keep the same", async () => {
    const { vmcore } = await realDump("x86-6.12-tiny");
    const { ours, theirs, path } = await both("-l -d 31 VMCORE OUT/dump", vmcore);
    expect(words(ours.stdout)).toBe(words(theirs.stdout));
    const [their, our] = path("dump").map(keptPages) as [ReturnType<typeof keptPages>, ReturnType<typeof keptPages>];
    if (hasNewMakedumpfile()) expect(our).toEqual(their);
    else expect(our.count).toBeLessThan(their.count);
  });

  test.each([
    ["tiny-x86-6.1", 31],
    ["tiny-x86-6.1-holes", 31],
    ["tiny-x86-6.1-holes", 16],
    ["x86-5.10-tiny", 31],
    // 1.7.2 does not drop huge pages of these kernels.
    ["x86-6.12-tiny", 16],
    ["x86-7.2-tiny", 16],
  ])("-e: %s at level %i: the same pages, of struct pages too, and the same mark", async (dump, level) => {
    const { vmcore } = await realDump(dump);
    const line = `-e --work-dir OUT -d ${level} VMCORE OUT/dump`;
    const { theirs, ours, path } = await both(line, vmcore);
    expect([theirs.code, ours.code]).toEqual([0, 0]);
    const [their, our] = path("dump").map((file) => ({ ...keptPages(file), status: statusOf(file) }));
    expect(our).toEqual(their);
    const said = (text: string) => /^Excluded [1-9]\d* unused vmemmap pages$/m.exec(text)?.[0];
    expect(said(ours.stderr)).toBe(said(theirs.stderr) ?? "");
  });

  test("-e: a last piece of memory that is shorter than its bitmaps' blocks is no exception here", async () => {
    const { vmcore } = await realDump("x86-6.1-kdump-tiny");
    const { path } = await both("-e --work-dir OUT -d 31 VMCORE OUT/dump", vmcore);
    const [their, our] = path("dump").map((file) => [...bitmapPfns(readKdumpBitmap2(file))]) as [number[], number[]];
    const theirs = new Set(their);
    expect(our.every((pfn) => theirs.has(pfn))).toBe(true);
    expect(our.length).toBeLessThan(their.length);
  });

  test("-E -e: pages of zeros count as dropped", async () => {
    const { vmcore } = await realDump("x86-5.10-tiny");
    const { theirs, ours } = await both("-E -e --work-dir OUT -d 31 VMCORE OUT/dump", vmcore);
    const said = (text: string) => /^Excluded [1-9]\d* unused vmemmap pages$/m.exec(text)?.[0];
    expect(said(ours.stderr)).toBe(said(theirs.stderr) ?? "");
  });

  test("--dry-run: the report of a run that writes, and no file", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { theirs, ours, path } = await both("--dry-run --show-stats -c -d 31 VMCORE OUT/dump", vmcore);
    expect({ ...ours, stdout: words(ours.stdout), stderr: "" }).toEqual({
      ...theirs,
      stdout: words(theirs.stdout),
      stderr: "",
    });
    expect(path("dump").map((file) => existsSync(file))).toEqual([false, false]);
  });

  test.each(["tiny-x86-6.1", "x86-6.1-kdump-tiny"])("--dump-dmesg: %s: the same log", async (dump) => {
    const { vmcore } = await realDump(dump);
    for (const line of ["--dump-dmesg VMCORE OUT/log", "--dump-dmesg -f --message-level 7 VMCORE OUT/log"]) {
      const { theirs, ours, path } = await both(line, vmcore);
      expect({ ...ours, stdout: words(ours.stdout) }).toEqual({ ...theirs, stdout: words(theirs.stdout) });
      const [their, our] = path("log").map((file) => readFileSync(file, "utf8")) as [string, string];
      expect(asMakedumpfile(our) === their).toBe(true);
    }
  });

  test("-i: the kernel's text is taken, another kernel's ends with exit code 2", async () => {
    const { vmcore, vmcoreinfo } = await realDump("tiny-x86-6.1-nokaslr");
    const text = readFileSync(vmcoreinfo, "utf8");
    const given = (content: string) => (out: string) => writeFileSync(join(out, "info"), content);
    const line = "-i OUT/info -d 31 VMCORE OUT/dump";
    const right = await both(line, vmcore, given(text));
    expect([right.theirs.code, right.ours.code]).toEqual([0, 0]);
    expect(keptPages(right.path("dump")[1])).toEqual(keptPages(right.path("dump")[0]));
    const other = await both(line, vmcore, given(text.replace(/^OSRELEASE=.*$/m, "OSRELEASE=5.0.0-other")));
    expect([other.theirs.code, other.ours.code]).toEqual([2, 2]);
    expect(other.ours.stdout).toBe(other.theirs.stdout);
    expect(other.path("dump").map((file) => existsSync(file))).toEqual([false, false]);
  });

  test("-L that no level fits: an incomplete dump stays, exit code 1", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { theirs, ours, path } = await both("-d 1,31 -c -L 1M VMCORE OUT/dump", vmcore);
    expect({ ...ours, stdout: words(ours.stdout), stderr: "" }).toEqual({
      ...theirs,
      stdout: words(theirs.stdout),
      stderr: "",
    });
    expect(ours.code).toBe(1);
    expect(path("dump").map((file) => existsSync(file))).toEqual([true, true]);
  });

  test("--split and --reassemble: either program's set by either", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { theirs, ours, path } = await both("--split -c -d 31 VMCORE OUT/a OUT/b OUT/c", vmcore);
    // makedumpfile says once per process that the kernel is too new.
    expect({ ...ours, stdout: words(ours.stdout), stderr: "" }).toEqual({
      ...theirs,
      stdout: words(theirs.stdout),
      stderr: "",
    });
    const whole = (await both("-c -d 31 VMCORE OUT/dump", vmcore)).path("dump")[0];
    for (const set of [0, 1] as const) {
      const parts = ["a", "b", "c"].map((name) => path(name)[set]);
      const joined = await both(`--reassemble ${parts.join(" ")} OUT/whole`, vmcore);
      expect({ ...joined.ours, stderr: errorWords(joined.ours.stderr) }).toEqual({
        ...joined.theirs,
        stderr: errorWords(joined.theirs.stderr),
      });
      expect(joined.ours.code).toBe(0);
      for (const file of joined.path("whole")) expect(keptPages(file)).toEqual(keptPages(whole));
      const missing = await both(`--reassemble ${parts.slice(0, 2).join(" ")} OUT/whole`, vmcore);
      expect([missing.ours.code, missing.ours.stdout]).toEqual([missing.theirs.code, missing.theirs.stdout]);
    }
  });

  test("-R: the same file, and the same words", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const flat = (await both("-F -l -d 31 VMCORE", vmcore)).path("stdout");
    for (const [i, stdinFile] of flat.entries()) {
      for (const line of ["-R OUT/dump", "-R -f OUT/there", "-R OUT/there", "-R --dry-run OUT/dump"]) {
        const made = await both(line, vmcore, (out) => writeFileSync(join(out, "there"), "old"), stdinFile);
        expect({ line, i, ...made.ours }).toEqual({ line, i, ...made.theirs });
        for (const name of ["dump", "there"]) {
          const [their, our] = made.path(name).map((file) => (existsSync(file) ? readFileSync(file) : undefined));
          expect(our === undefined ? their === undefined : their?.equals(our)).toBe(true);
        }
      }
    }
  });

  test.each([
    ["-d 31 VMCORE OUT/there", "a file that is there"],
    ["-d 31 OUT/nothing OUT/dump", "no dump"],
    ["-d 31 OUT/nothing OUT/there", "neither"],
    ["-d 31 VMCORE OUT/nowhere/dump", "no folder"],
    ["--dump-dmesg VMCORE OUT/there", "a log that is there"],
    ["-d 31 -i OUT/nothing VMCORE OUT/dump", "no VMCOREINFO file"],
    ["-d 31 VMCORE", "no output"],
    ["--check-params -d 31 VMCORE", "checked only"],
    ["-d 31 -x OUT/nothing -i OUT/nothing VMCORE OUT/dump", "-x and -i"],
    ["--message-level 0 -d 31 OUT/nothing OUT/dump", "in silence"],
  ])("%s: %s: fails in the same words", async (line) => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { theirs, ours } = await both(line, vmcore, (out) => writeFileSync(join(out, "there"), ""));
    expect({ code: ours.code, stdout: words(ours.stdout) }).toEqual({
      code: theirs.code,
      stdout: words(theirs.stdout),
    });
    // makedumpfile goes on after some errors, and says what follows from them.
    expect(errorWords(ours.stderr)).toBe(errorWords(theirs.stderr));
  });
});

describeReader("--check-params", ["makedumpfile"], () => {
  const forms = ["v o", "-F v", "-R o", "--reassemble a b o", "--split v o p", "--dump-dmesg v o", "--mem-usage v"];
  const options =
    "-c|-l|-E|-d 31|-d 0|-d 1,31|-L 1G|-f|-x vm|-i vi|-F|-b 4|-D|--split|--splitblock-size 4|--num-threads 2|--cyclic-buffer 4|" +
    "--work-dir /tmp|--non-mmap|--config c|--vtop 0x10|--dump-dmesg|--partial-dmesg|--mem-usage|--dry-run|--show-stats|" +
    "--message-level 1|--dry-run --dump-dmesg|--num-threads 2 -E|-x vm --config c|-x vm -i vi|-c -E|more|more most";

  test.each(forms)("%s: with each option the same answer", async (form) => {
    for (const option of ["", ...options.split("|")]) {
      const argv = ["--check-params", ...`${option} ${form}`.trim().split(" ")];
      const { code, stdout, stderr } = await run("makedumpfile", argv);
      const said = { stdout: "", stderr: "" };
      const stream = (name: "stdout" | "stderr") => ({ write: (text: string) => (said[name] += text) });
      const messages = new Messages({ stdout: stream("stdout"), stderr: stream("stderr") });
      const { request } = parseMakedumpfile(argv, "makedumpfile", messages);
      // What we refuse by name.
      if (said.stdout.includes("is not served by") || said.stderr.includes("is not served by")) continue;
      expect({ argv, code: request === undefined ? 1 : 0, ...said }).toEqual({ argv, code, stdout, stderr });
    }
  });
});
