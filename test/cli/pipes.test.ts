/** Dumps that come through pipes and packed files, with the built program: the output is that of the plain file. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, constants, openSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { expectFailure, inFolder, runCli, startCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();
const at = inFolder(folder);
const posix = process.platform !== "win32";
/** A pipe in front of the program: "$0" is the first word, "$@" the program. */
const from = (command: string) => ({ shell: `${command} | "$@"` });
/** The writing end of a FIFO, as soon as somebody reads from it. */
async function openedFifo(path: string): Promise<number> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
const sameAs = (path: string, expected: Buffer) => expect(readFileSync(path).equals(expected)).toBe(true);

const packers: Readonly<Record<string, string>> = { zst: "zstd", lz4: "lz4", gz: "gzip" };

test.each([
  [["a", "b", "--pack", "rar"], "--pack rar: must be one of zstd, lz4, gzip, none"],
  [["a", "-", "--on-full", "incomplete"], "an output on stdout cannot be marked incomplete"],
  [["a", "-", "--min-saving", "3"], "what was sent to stdout cannot be taken back"],
  [["split", "a", "b.zst", "c.gz"], "different suffixes for how they are packed"],
])("%j is refused", async (args, message) => {
  expectFailure(await runHere(args), 2, message);
});

test.skipIf(!posix)("a packed file in front of stdin: its number stays the program's", async () => {
  writeFileSync(at("front.gz"), gzipSync(Buffer.from("no dump at all ".repeat(1000))));
  expectFailure(await runCli(["info", "-"], { cwd: folder, shell: `"$@" < front.gz` }), 1, "stdin");
});

describeWithDumps("a dump through a pipe", () => {
  let vmcore = "";
  let flat = "";
  let expected: Buffer;
  beforeAll(async () => {
    const dump = await realDump("tiny-x86-6.1");
    vmcore = dump.vmcore;
    flat = dump.flat as string;
    await runHere([vmcore, at("plain"), "-d31", "-l", "-q"]);
    expected = readFileSync(at("plain"));
  });

  test.runIf(posix)("stdin, and no temporary file is left", async () => {
    const spool = temporaryFolder();
    const args = ["-", at("stdin"), "-d31", "-l", "--json", "--spool-dir", spool];
    const run = await runCli(args, from(`cat '${vmcore}'`));
    expect(run.stderr).toBe("");
    expect(JSON.parse(run.stdout.toString())).toMatchObject({ inputPages: 8256 });
    sameAs(at("stdin"), expected);
    expect(readdirSync(spool)).toEqual([]);
  });

  test.runIf(posix)("stdin that is a file, packed or not, is read as one", async () => {
    writeFileSync(at("vmcore.gz"), gzipSync(readFileSync(vmcore), { level: 1 }));
    for (const file of [vmcore, at("vmcore.gz")]) {
      const run = await runCli(["-", at("redirected"), "-d31", "-l", "-f", "-q"], { shell: `"$@" < '${file}'` });
      expect(run).toMatchObject({ code: 0, stderr: "" });
      sameAs(at("redirected"), expected);
    }
  });

  test.runIf(posix)("a FIFO that is opened before anybody writes to it", async () => {
    spawnSync("mkfifo", [at("fifo")]);
    const shell = `(sleep 0.5; cat '${vmcore}' > '${at("fifo")}') & "$@"`;
    const run = await runCli([at("fifo"), at("from-fifo"), "-d31", "-l", "-q"], { shell });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    sameAs(at("from-fifo"), expected);
  });

  test.runIf(posix)("SIGTERM while nobody writes to the FIFO", async () => {
    spawnSync("mkfifo", [at("silent")]);
    const run = startCli([at("silent"), at("never"), "-q"]);
    run.collect();
    const writer = await openedFifo(at("silent"));
    run.child.kill("SIGTERM");
    expect(await run.ended).toMatchObject({ code: 143, signal: null });
    closeSync(writer);
    expect(readdirSync(folder).filter((name) => name.includes("never"))).toEqual([]);
  });

  test.runIf(posix)("flattened dumps: our own out of a pipe, packed on the way, and QEMU's", async () => {
    const inner = `'${process.execPath}' '${join(import.meta.dirname, "../../dist/cli/main.js")}'`;
    const chain = `${inner} -F '${vmcore}' -d1 -q | gzip -1`;
    await runCli(["-", at("chained"), "-d31", "-l", "-q"], from(chain));
    sameAs(at("chained"), expected);
    const info = await runCli(["info", "-", "--json"], from(`cat '${flat}'`));
    expect(JSON.parse(info.stdout.toString())).toMatchObject({ flattened: true, filtering: { possible: true } });
  });

  test.each(["kdump", "elf"])("%s output packed by its suffix: read back, and by the tool itself", async (format) => {
    const options = ["-d31", "-q", "-f", ...(format === "elf" ? ["-E"] : ["-c"])];
    await runHere([vmcore, at("unpacked"), ...options]);
    const unpacked = readFileSync(at("unpacked"));
    for (const [suffix, tool] of Object.entries(packers)) {
      const name = at(`packed.${format}.${suffix}`);
      expect(await runHere([vmcore, name, ...options])).toMatchObject({ code: 0, stderr: "" });
      const { error, stdout } = spawnSync(tool, ["-dc", name], { maxBuffer: 1 << 30 });
      if (error === undefined) expect(stdout.equals(unpacked)).toBe(true);
      const info = await runHere(["info", name, "--json"]);
      expect(JSON.parse(info.stdout.toString())).toMatchObject({ fileSize: unpacked.length });
    }
    await runHere([at(`packed.${format}.zst`), at("again"), ...options]);
    sameAs(at("again"), unpacked);
    await runHere([vmcore, at("plain.zst"), ...options, "--pack", "none"]);
    sameAs(at("plain.zst"), unpacked);
    expect(readdirSync(folder).filter((name) => name.endsWith(".spool") || name.endsWith(".partial"))).toEqual([]);
  });

  test.runIf(posix)("a plain dump to stdout, kdump through a temporary file and ELF without one", async () => {
    const spool = temporaryFolder();
    const plain = await runCli([vmcore, "-", "-d31", "-l", "--spool-dir", spool]);
    expect(plain.code).toBe(0);
    expect(plain.stderr).toContain("Output  stdout\n");
    expect(plain.stdout.equals(expected)).toBe(true);
    const small = [vmcore, "-", "-d31", "-l", "-q", "--spool-dir", spool, "--spool-limit", "100K"];
    expectFailure(await runCli(small), 1, "for an output that cannot be written out of order is full");
    const elf = await runCli([...small, "-E"].filter((word) => word !== "-l"));
    await runHere([vmcore, at("elf"), "-d31", "-E", "-q", "-f"]);
    expect(elf).toMatchObject({ code: 0, stderr: "" });
    expect(elf.stdout.equals(readFileSync(at("elf")))).toBe(true);
    expect(readdirSync(spool)).toEqual([]);
  });

  test.runIf(posix)("a flattened dump, packed, is put together by rearrange, packed again", async () => {
    const args = [vmcore, "-F", "--pack", "lz4", "-d31", "-l", "-q"];
    const flat = await runCli(args, { shell: `"$@" > '${at("flat.lz4")}'` });
    expect(flat).toMatchObject({ code: 0, stderr: "" });
    const rearranged = await runHere(["rearrange", at("flat.lz4"), at("rearranged.gz"), "--json"]);
    expect(JSON.parse(rearranged.stdout.toString())).toEqual({
      output: at("rearranged.gz"),
      outputBytes: statSync(at("rearranged.gz")).size,
      packing: "gzip",
      warnings: [],
    });
    expect(gunzipSync(readFileSync(at("rearranged.gz"))).equals(expected)).toBe(true);
  });

  test("a packed split set, put together packed", async () => {
    const parts = [at("p0.gz"), at("p1.gz"), at("p2.gz")];
    const split = await runHere(["split", vmcore, ...parts, "-d31", "-l", "--json"]);
    const bytes = parts.reduce((sum, part) => sum + statSync(part).size, 0);
    expect(JSON.parse(split.stdout.toString())).toMatchObject({ outputBytes: bytes, packing: "gzip" });
    expect((await runHere(["reassemble", ...parts, at("whole.gz"), "-q"])).stderr).toBe("");
    expect(gunzipSync(readFileSync(at("whole.gz"))).equals(expected)).toBe(true);
  });

  test("size limit, manifest and --on-full of a packed output", async () => {
    const limited = await runHere([vmcore, at("limited.gz"), "-d31", "-l", "-L", "1M"]);
    expectFailure(limited, 1, "would be larger than 1 MiB");
    const left = await runHere([vmcore, at("limited.gz"), "--on-full", "incomplete"]);
    expectFailure(left, 2, "a packed output cannot be left incomplete");
    expect(readdirSync(folder).filter((name) => name.includes("limited"))).toEqual([]);
    await runHere([vmcore, at("with.gz"), "-d31", "-l", "-q", "--manifest", at("manifest.json")]);
    const packed = readFileSync(at("with.gz"));
    expect(JSON.parse(readFileSync(at("manifest.json"), "utf8"))).toMatchObject({
      output: {
        ...{ name: "with.gz", packing: "gzip", flattened: false, bytes: packed.length },
        sha256: createHash("sha256").update(packed).digest("hex"),
      },
    });
  });

  test.runIf(posix)("all commands take it", async () => {
    const verified = await runCli(["verify", "-", "-q"], from(`cat '${vmcore}' | gzip -1`));
    expect(verified.stdout.toString()).toContain("nothing is wrong");
    const log = await runHere(["dmesg", at("vmcore.gz")]);
    expect(log.stdout.toString()).toContain("Run /init as init process");
    const audit = await runCli(["audit", "-", "--json"], from(`cat '${vmcore}'`));
    expect(audit.code).toBe(1);
    const estimate = await runCli(["estimate", "-", "--json"], from(`cat '${vmcore}'`));
    expect(estimate).toMatchObject({ code: 0, stderr: "" });
  });

  test.runIf(posix)("a stream that ends too early, or has no room in the temporary file", async () => {
    const cut = await runCli(["-", at("none")], from(`cat '${vmcore}' | gzip -1 | head -c 1000000`));
    expectFailure(cut, 1, /^coresieve: stdin: its gzip stream ends too early/);
    const full = await runCli(["-", at("none"), "--spool-limit", "1M"], from(`cat '${vmcore}'`));
    expectFailure(full, 1, "is full", "--spool-dir");
    const empty = await runCli(["info", "-"], from("true"));
    expectFailure(empty, 1, "stdin: is empty");
    expect(readdirSync(folder).filter((name) => name.includes("none"))).toEqual([]);
  });
});
