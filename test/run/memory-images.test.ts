/**
 * Real dumps written as LiME images and as bare memory: the same pages as in kdump-compressed output, dropped ones nowhere or holes, and our own
 * reader and `verify` find the kernel in them.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { estimateDump } from "../../src/estimate/estimate-dump.js";
import { openDump } from "../../src/reader/open.js";
import type { OpenOptions } from "../../src/reader/open-sources.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { describeWithDumps, realDump, realDumps } from "../support/dumps.js";
import { filterFile, sharedThread, temporaryFolder } from "../support/filter.js";
import { failureOfAsync } from "../support/open.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const NAMES = ["tiny-x86-6.1", "tiny-arm64-6.12-64k-va52", "tiny-s390x-6.12"];

describeWithDumps("images of memory", () => {
  test.each(realDumps.filter(({ name }) => NAMES.includes(name)))("of $name", async ({ name }) => {
    const { vmcore } = await realDump(name);
    const kdump = await filterFile(vmcore, at("kdump"));
    const machine = openDump(at("kdump"));
    const { ranges, pageSize } = machine;
    machine.close();
    for (const format of ["lime", "raw"] as const) {
      const result = await filterFile(vmcore, at(format), { format });
      expect([format, result.classes]).toEqual([format, kdump.classes]);
      const { kept, zero } = result.classes;
      const size = statSync(at(format)).size;
      expect(result.outputBytes).toBe(size);
      const open: OpenOptions = format === "raw" ? { raw: [{ start: 0, end: undefined }] } : {};
      const written = openDump(at(format), undefined, open);
      if (format === "lime") {
        const memory = written.ranges.reduce((sum, { start, end }) => sum + end - start, 0);
        expect(memory).toBe((kept + zero) * pageSize);
        expect(result.holeBytes).toBe(zero * pageSize);
        expect(result.memory).toBeUndefined();
      } else {
        expect(size).toBe(ranges.at(-1)?.end);
        expect(result.memory).toEqual(ranges);
        expect(size - (result.holeBytes ?? 0)).toBe(kept * pageSize);
      }
      written.close();
      // Holes take no room.
      expect(statSync(at(format)).blocks * 512).toBeLessThan(kept * pageSize * 1.1 + 2 ** 20);
      const checked = await verifyDump(at(format), { against: vmcore, open, workers: sharedThread() });
      expect([format, checked.findings]).toEqual([format, []]);
      expect(checked.kernelRelease).toBe(result.kernelRelease);
      const same = format === "lime" ? kept + zero : kept;
      expect(checked.comparison).toMatchObject({ same, different: 0, unknown: 0 });
      // Filtered again, they have the same pages.
      const again = await filterFile(at(format), at("again"), { open });
      expect([again.classes.kept, again.kernelRelease]).toEqual([kept, result.kernelRelease]);
    }
  });

  test("an estimate tells what is not holes", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const dump = openDump(vmcore);
    const { levels } = await estimateDump(dump, { workers: sharedThread() });
    dump.close();
    for (const level of [0, 31]) {
      const { outputBytes, holeBytes = 0, classes } = await filterFile(vmcore, at("image"), { format: "lime", level });
      const told = levels[level];
      const headers = 32 * (outputBytes - holeBytes > 0 ? classes.kept + classes.zero : 0);
      const data = outputBytes - holeBytes;
      expect(data).toBeGreaterThanOrEqual((told?.memoryBytes ?? 0) - (told?.memoryError ?? 0));
      expect(data).toBeLessThanOrEqual((told?.memoryBytes ?? 0) + (told?.memoryError ?? 0) + headers);
    }
  });

  test("on the command line, to a file and to stdout", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const file = await runHere([vmcore, at("cli.raw"), "--format", "raw", "-f"]);
    expect(file.stderr).toBe("");
    expect(file.stdout.toString()).toMatch(/ of it are holes\n.*Memory {2}0x0-0x[0-9a-f]+.*; read again with --raw 0/);
    const piped = await runCli([vmcore, "-", "--format", "lime", "-q"]);
    expect(piped.stdout.toString("latin1", 0, 4)).toBe("EMiL");
    const manifest = await runHere([
      vmcore,
      at("cli.lime"),
      "--format",
      "lime",
      "-f",
      "--manifest",
      at("m.json"),
      "-q",
    ]);
    expect(manifest.stderr).toBe("");
    const verified = await runHere(["verify", at("cli.lime"), "--manifest", at("m.json"), "--against", vmcore]);
    expect([verified.stderr, verified.code]).toEqual(["", 0]);
  });

  test("what does not go together is said", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const failed = async (...words: string[]) => (await runHere([vmcore, at("none"), ...words])).stderr;
    expect(await failed("--format", "lime", "-c")).toMatch(/LiME images cannot be compressed, but zlib was asked for/);
    expect(await failed("--format", "raw", "--dedupe")).toMatch(/images of bare memory cannot share equal pages/);
    expect(await failed("--format", "raw", "-E")).toMatch(/-E and --format cannot be combined/);
    expect(await failed("--format", "lime", "--on-full", "incomplete")).toMatch(/cannot be marked incomplete/);
    expect(await failed("--format", "qcow2")).toMatch(/--format/);
    expect((await runCli(["-F", vmcore, "--format", "lime"])).stderr).toMatch(/no flattened form/);
    const stream = { stream: process.stdout, name: "out" };
    const refused = await failureOfAsync(() => filterFile(vmcore, stream, { format: "raw" }));
    expect(refused.code).toBe("BAD_OPTION");
  });
});
