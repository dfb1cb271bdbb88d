/** Command lines, in process: what is refused, with exit code 2 and one line, and what is taken, and how. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";
import { exitCodeOf } from "../../src/cli/stop.js";
import { speakAs } from "../../src/option-words.js";
import { patternBytes } from "../support/bytes.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";
import { failureOfAsync } from "../support/open.js";
import { openKdump } from "../support/other-kdump.js";

speakAs("commandLine");
const folder = temporaryFolder();
const input = join(folder, "input");
const out = join(folder, "out");
writeFileSync(input, buildElf({ notes: [], loads: [{ paddr: 0, data: patternBytes("x", 4096) }] }));

/** Runs a command line as the program does. */
const run = async (args: readonly string[]) =>
  (await parseCommandLine(args, { signal: new AbortController().signal, threads: undefined }))();

describe("refused", () => {
  test.each([
    ["level 32", [input, out, "-d", "32"], /-d 32: must be a whole number from 0 to 31\. Add up: 1 zero/],
    ["level -1", [input, out, "-d", "-1"], /-d -1: must be a whole/],
    ["level 1.5", [input, out, "-d", "1.5"], /-d 1\.5: must be a whole/],
    ["no level behind -d", [input, out, "-d"], /-d needs a value/],
    [
      "a class that is none",
      [input, out, "--exclude", "zero,cash"],
      /--exclude zero,cash: "cash" must be one of zero, cache/,
    ],
    ["level and classes", [input, out, "-d", "1", "--exclude", "zero"], /Use one of them/],
    // yargs takes each of these for false: the run would end well, without privacy or compression.
    ["a flag with a value", [input, out, "--privacy=yes"], /--privacy takes no value, but "yes" was given/],
    ["a flag with an empty value", [input, out, "--strict="], /--strict takes no value/],
    ["a flag in camel case with a value", [input, out, "--showStats=1"], /--show-stats takes no value/],
    ["a letter with a value", [input, out, "-E=on"], /-E takes no value, but "on"/],
    ["a letter with a level behind it", [input, out, "-z9"], /-z takes no value, but "9"/],
    ["letters with a value behind the last", [input, out, "-qc=9"], /-c takes no value, but "9"/],
    ["two codecs", [input, out, "-l", "-z"], /-l and -z cannot be combined\. Use one of them/],
    ["a codec that is none", [input, out, "--compress", "bzip2"], /bzip2/],
    ["a level for lzo", [input, out, "-l", "--compression-level", "3"], /lzo has none/],
    ["zlib level 10", [input, out, "-c", "--compression-level", "10"], /zlib has 1 to 9/],
    [
      "zlib level x",
      [input, out, "-c", "--compression-level", "x"],
      /--compression-level x: must be a whole number from 1 to 19/,
    ],
    ["compressed ELF", [input, out, "-E", "-c", "-d", "1"], /ELF dumps cannot be compressed/],
    // Before anything is opened: there is no such input.
    ["compressed ELF of nothing", [`${input}-none`, out, "-E", "-c"], /ELF dumps cannot be compressed/],
    ["shared ELF of nothing", [`${input}-none`, out, "-E", "--dedupe"], /cannot share equal pages/],
    [
      "an extra that is none",
      [`${input}-none`, out, "--privacy", "--privacy-extra", "ttys"],
      /must be one of registers, tty, .*Did you mean "tty"/,
    ],
    [
      "an extra by itself",
      [`${input}-none`, out, "--privacy-extra", "tty"],
      /--privacy-extra has no effect without --privacy/,
    ],
    ["--privacy at level 1", [`${input}-none`, out, "--privacy", "-d", "1"], /but level 1 was asked for/],
    [
      "--privacy falling back",
      [`${input}-none`, out, "--privacy", "-d", "31,1", "-L", "1M"],
      /but level 1 was asked for/,
    ],
    ["no threads", [input, out, "--num-threads", "0"], /--num-threads 0: must be a whole number from 1 to 256/],
    ["-3 threads", [input, out, "--num-threads=-3"], /--num-threads -3: must be/],
    ["many threads", [input, out, "--num-threads", "1e9"], /--num-threads 1e9: must be/],
    ["an unknown option", [input, out, "--shrink"], /unknown option --shrink\. `coresieve --help`/],
    [
      "a place that is none",
      ["--raw", "low", input, out],
      /--raw low: "low" is not a range of addresses\. Give the phys/,
    ],
    ["--raw of a dump with headers", ["--raw", "0", input, out], /is a dump with headers, not bare memory/],
    [
      "a machine that is none",
      ["--arch", "vax", input, out],
      /--arch vax: unknown architecture\. Architectures are x86/,
    ],
    ["the machine of a dump that says it", ["--arch", "arm64", input, out], /Leave out --arch/],
    ["VMCOREINFO and a device entry", ["-i", input, "--vmcoreinfo-device", "00", input, out], /Use one of them/],
    ["VMCOREINFO and a vmlinux", ["-i", input, "-x", input, input, out], /-i and -x cannot be combined/],
    ["a vmlinux and a device entry", ["-x", input, "--vmcoreinfo-device", "00", input, out], /Use one of them/],
    ["a device entry that is none", ["--vmcoreinfo-device", input, input, out], /at most 4096 are expected here/],
    ["a VMCOREINFO file that is none", ["-i", input, "-d", "0", input, out], /is not a VMCOREINFO text/],
    ["-g without a dump", ["-g", out], /no dump was named\. Write `coresieve -g FILE DUMP`/],
    ["no output", [input], /a dump and an output must be named\. `coresieve DUMP OUT` shrinks a dump/],
    ["no input for -F", ["-F"], /no dump was named/],
    ["no input for info", ["info"], /no dump was named/],
  ])("%s", async (_, args, says) => {
    const error = await failureOfAsync(() => run(args));
    expect(exitCodeOf(error, undefined)).toBe(2);
    expect(error.message).toMatch(says);
    expect(error.message).not.toContain("\n");
    expect(readdirSync(folder)).toEqual(["input"]);
  });
});

describe("taken", () => {
  test.each([
    ["-d 1", ["-d", "1"], 1],
    ["-d1, as makedumpfile takes it", ["-d1"], 1],
    ["--exclude zero", ["--exclude", "zero"], 1],
    ["--exclude without any", ["--exclude", ","], 0],
    ["clustered letters", ["-cd1"], 1],
    ["--level=0", ["--level=0"], 0],
  ])("%s", async (_, args, level) => {
    await run([...args, "-q", "-f", input, out]);
    const { facts, close } = openKdump(out);
    close();
    expect(facts.dumpLevel).toBe(level);
  });

  test.each([
    ["-c", 1],
    ["-l", 2],
    ["-p", 4],
    ["-z", 0x20],
    ["--compress=lzo", 2],
    ["--compress=none", 0],
  ])("%s", async (option, status) => {
    await run([input, out, "-q", "-f", "-d", "0", ...option.split(" ")]);
    const { facts, close } = openKdump(out);
    close();
    expect(facts.status).toBe(status);
  });

  test("names that begin with a dash, behind --", async () => {
    const odd = await failureOfAsync(() => run(["-q", "-d", "1", "--", "-odd", "-out"]));
    expect(odd.message).toMatch(/^-odd: cannot be opened/);
  });
});
