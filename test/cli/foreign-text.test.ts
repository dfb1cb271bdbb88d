/** Whatever is in a dump, a name, a manifest or a command line: nothing that is printed steers the terminal that shows it. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";
import { explain } from "../../src/cli/explain.js";
import { DumpError } from "../../src/errors.js";
import { runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { toElf, toKdump } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { writeDump } from "../support/write-dump.js";

/** What stands for the hostile bytes while a dump is built; as long as they are. */
const MARK = "EvilEvilEvil0";
/** ESC, DEL, C1 in UTF-8 and as a bare byte, RIGHT-TO-LEFT OVERRIDE, CR. */
const HOSTILE = Buffer.from([0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x7f, 0xc2, 0x9b, 0x9b, 0xe2, 0x80, 0xae, 0x0d]);
/** The same for names of files and words of the command line, with what begins a line of its own there, invisible and half characters. */
const NAME = "\x1b]0;evil\x07\x7f\u009b31m\u202e\u2066\u200b\u2028\r\nINJECTED";

/** Everything that may not be printed; tabs and newlines may, and are looked at apart. */
const STEERING = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

const folder = join(temporaryFolder(), NAME);
mkdirSync(folder);
const at = (name: string) => join(folder, `${name}${NAME}`);

function hostile(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes);
  let found = 0;
  for (let i = copy.indexOf(MARK); i >= 0; i = copy.indexOf(MARK, i + 1)) {
    HOSTILE.copy(copy, i);
    found++;
  }
  expect(found).toBeGreaterThan(4);
  return copy;
}

const kernel = buildKernel({
  memory: 24 * MiB,
  release: `6.1.0${MARK}`,
  utsname: { nodename: MARK, version: MARK, domainname: MARK },
  crashTime: 1_700_000_000,
  vmcoreinfo: { remove: ["BUILD-ID"], add: [`BUILD-ID=${MARK}`, `EVIL(${MARK})=${MARK}`, MARK] },
  log: { records: [{ text: `one ${MARK}\ntwo ${MARK}`, level: 1 }] },
});
const notes = [...kernel.notes, { name: MARK, type: 7, desc: new Uint8Array(8) }];
const elf = at("elf");
const kdump = at("kdump");
writeDump(elf, hostile(toElf(kernel, { notes })));
writeFileSync(kdump, hostile(toKdump(kernel, { codec: "raw", timestamp: 1_700_000_000, notes })));
const noDump = at("no-dump");
writeFileSync(noDump, Buffer.concat([HOSTILE, Buffer.alloc(64, 0x9b)]));
const secrets = at("secrets");
writeFileSync(secrets, "OSRELEASE\n");
const badRules = at("rules");
writeFileSync(badRules, Buffer.concat([Buffer.from("erase "), HOSTILE, Buffer.from(" ]\n")]));
const badConfig = at("config");
writeFileSync(badConfig, `{ "${MARK}": 1 }`.replace(MARK, "\\u001b\\u009b\\u202e"));

function expectSafe(what: string, text: string, isPage = false) {
  const found = STEERING.exec(text);
  const near = found === null ? "" : JSON.stringify(text.slice(Math.max(0, found.index - 40), found.index + 20));
  expect(near, what).toBe("");
  // A newline of a name begins no line; in a page newlines are blanks.
  if (isPage) return;
  expect(text.split("\n").filter((line) => line.startsWith("INJECTED"))).toEqual([]);
}

async function run(args: readonly string[], code?: number): Promise<string> {
  const { stdout, stderr, ...ended } = await runHere(args, { cwd: folder });
  const text = stdout.toString("utf8");
  expectSafe(`stdout of ${args[0]}`, text);
  expectSafe(`stderr of ${args[0]}`, stderr);
  if (code !== undefined) expect(ended.code, `${text}${stderr}`).toBe(code);
  if (args.includes("--json") && text !== "") JSON.parse(text);
  return text;
}

describe("what commands print of a hostile dump with a hostile name", () => {
  test.each([
    ["elf", elf],
    ["kdump", kdump],
  ])("%s", async (form, dump) => {
    const out = at(`out-${form}`);
    const info = await run(["info", dump, "--notes", "--vmcoreinfo-text"], 0);
    for (const label of ["File", "Kernel", "Host", "Build ID"])
      expect(info).toMatch(new RegExp(`^${label} .*\\\\u001b`, "m"));
    expect(info).toMatch(/^ {2}EVIL\(\\u001b.*=\\u001b/m);
    expect(info).toMatch(/^ {2}\\u001b.* type 0x7/m);
    const json = JSON.parse(await run(["info", "--json", dump], 0)) as Record<string, unknown>;
    // It is escaped, not lost.
    expect(json["nodename"]).toContain("\x1b[31m\x7f");
    expect(json["files"]).toEqual([dump]);
    const manifest = at(`manifest-${form}`);
    const report = at(`report-${form}`);
    await run([dump, out, "--manifest", manifest, "--report", report, "-d", "31"], 0);
    await run([dump, out, "-f", "--json"], 0);
    await run([dump, out, "-f", "--manifest", manifest, "--show-stats"], 0);
    expectSafe("the manifest", readFileSync(manifest, "utf8"));
    expectSafe("the report", readFileSync(report, "utf8"), true);
    expect((JSON.parse(readFileSync(manifest, "utf8")) as { input: { files: unknown } }).input.files).toMatchObject([
      { name: dump.slice(folder.length + 1) },
    ]);
    for (const json of [[], ["--json"]]) {
      // Its VMCOREINFO is found fault with, which names what is in it.
      expect(await run(["verify", out, "--manifest", manifest, "--against", dump, ...json], 1)).toMatch(
        /a line that coresieve does not understand/,
      );
      await run(["verify", dump, "--manifest", manifest, ...json], 1);
      await run(["estimate", dump, "--to", at("to"), ...json], 0);
      await run(["audit", dump, "--secrets", secrets, ...json], 1);
      await run(["report", dump, "-f", "--output", report, ...json], 0);
    }
    expectSafe("the report", readFileSync(report, "utf8"), true);
  });

  test("dmesg: lines of a record stay, all else is escaped", async () => {
    const text = await run(["dmesg", elf], 0);
    expect(text).toMatch(/one \\x1b\[31m\\x7f\\xc2\\x9b\\x9b\\xe2\\x80\\xae\\x0d\n +two \\x1b/);
    await run(["dmesg", elf, "--json"], 0);
    for (const format of ["dmesg", "levels", "raw", "kmsg", "makedumpfile"])
      expect(await run(["dmesg", elf, "--follow-format", format], 0)).toContain("\\x1b");
  });

  test("split, reassemble, rearrange, bench", async () => {
    await run(["split", kdump, at("part1"), at("part2"), "-d", "0"], 0);
    await run(["split", kdump, at("part1"), at("part2"), "-d", "0", "-f", "--json"], 0);
    await run(["reassemble", at("part1"), at("part2"), at("joined")], 0);
    await run(["reassemble", at("part1"), at("part2"), at("joined"), "-f", "--json"], 0);
    const flat = at("flat");
    const made = await runCli(["-F", kdump]);
    expectSafe("stderr of -F", made.stderr);
    writeFileSync(flat, made.stdout);
    await run(["rearrange", flat, at("plain")], 0);
    await run(["rearrange", flat, at("plain"), "-f", "--json"], 0);
    await run(["bench", kdump, "--runs", "0", "--no-stages", "-q"], 0);
    await run(["bench", kdump, "--runs", "0", "--no-stages", "--json"], 0);
  });
});

describe("errors and warnings", () => {
  const cases: readonly (readonly string[])[] = [
    ["info", noDump],
    ["info", at("missing")],
    ["verify", noDump],
    ["verify", elf, "--manifest", noDump],
    ["verify", elf, "--against", noDump],
    ["dmesg", elf, "--follow-format", NAME],
    ["audit", elf, "--secrets", at("missing")],
    ["estimate", elf, "-d", NAME],
    ["estimate", elf, "--to", at("missing/folder")],
    ["bench", elf, "--codec", NAME],
    ["bench", elf, "--against", NAME],
    ["completion", NAME],
    ["help", NAME],
    ["jobs", NAME],
    ["jobs", "list", "--redis", NAME],
    ["submit", elf, at("x"), "--redis", NAME],
    ["submit", elf, at("x"), "--shards", NAME],
    ["worker", "--allow", at("missing"), "--redis", NAME],
    ["uploads", NAME],
    ["uploads", `s3://${NAME}/x`],
    [`--${NAME}`],
    [elf, at("x"), `--${NAME}`, "y"],
    [elf, at("x"), "--config", badConfig],
    [elf, at("x"), "--erase", badRules],
    [elf, at("x"), "--codec", NAME],
    [elf, at("x"), "-d", NAME],
    [elf, at("x"), "-x", noDump],
    [elf, at("x"), "-i", noDump],
    [elf, at("x"), "--extension", noDump],
    [elf, at("x"), "--extension", at("missing")],
    [elf, at("x"), "--arch", NAME],
    [elf, at("x"), "--raw", NAME],
    [elf, at("x"), "--vmcoreinfo-at", NAME],
    [elf, at("x"), "-L", NAME],
    [elf, at("x"), "--privacy-extra", NAME, "--privacy"],
    [elf, join(folder, "missing", NAME)],
    [elf, elf],
    [elf, folder],
    ["-", at("x"), "--spool-dir", at("missing")],
    [NAME],
    [elf, at("x"), "--strict"],
    [`s3://${NAME}/k`, at("x")],
  ];
  test("are one line each", async () => {
    const context = { signal: new AbortController().signal, threads: undefined };
    for (const args of cases) {
      const error: unknown = await parseCommandLine(args, context)
        .then((command) => command())
        .then(
          () => new Error(`${JSON.stringify(args)} ended well`),
          (found: unknown) => found,
        );
      expect(error, JSON.stringify(args)).toBeInstanceOf(DumpError);
      expectSafe(JSON.stringify(args), explain(error));
      // Also for programs that print messages without thinking.
      expect((error as DumpError).message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }
    const internal = explain(new TypeError(`no ${NAME}`));
    expectSafe("a mistake in coresieve", internal);
    expect(internal).not.toContain("\n");
  });

  test("one in the program itself", async () => {
    const { stdout, stderr, code } = await runCli(["info", noDump], { cwd: folder });
    expect([code, stdout.toString()]).toEqual([1, ""]);
    expectSafe("stderr", stderr);
    expect(stderr).toMatch(/^coresieve: [^\n]+\n$/);
  });

  test("a warning says what line of VMCOREINFO it means", async () => {
    const { stderr } = await runHere([elf, at("warned"), "-q"], { cwd: folder });
    expectSafe("stderr", stderr);
    const { stdout } = await runHere([elf, at("warned"), "-f", "--json"], { cwd: folder });
    const { warnings } = JSON.parse(stdout.toString()) as { warnings: { message: string }[] };
    expect(JSON.stringify(warnings)).not.toBe("[]");
    // Also for programs that print messages without thinking.
    for (const { message } of warnings) expectSafe("a message", message);
  });
});

test("the second program", () => {
  const program = fileURLToPath(new URL("../../dist/cli/makedumpfile.js", import.meta.url));
  const cases = [
    [elf, at("second"), "-d", "31"],
    [elf, at("second"), "-d", "31"],
    ["-f", "--message-level", "31", elf, at("second"), "-d", "31"],
    ["--dump-dmesg", elf, at("second-log")],
    ["--mem-usage", elf],
    [noDump, at("second-x")],
    [at("missing"), at("second-x")],
    [elf, join(folder, "missing", "x")],
    ["-x", at("missing"), elf, at("second-x")],
    ["-i", at("missing"), elf, at("second-x")],
    ["--config", badRules, "-x", noDump, elf, at("second-x")],
    [`--${NAME}`, elf, at("second-x")],
    ["-R", at("second-flat")],
  ];
  for (const args of cases) {
    const { stdout, stderr } = spawnSync(process.execPath, [program, ...args], { input: "", encoding: "utf8" });
    expectSafe(`stdout of ${args[0]}`, stdout);
    // The second program writes its progress over itself.
    expectSafe(`stderr of ${args[0]}`, stderr.replaceAll(/\r(?=[CE])/g, "\n"));
  }
});

test("only one file of the command line writes to stdout and stderr what it did not make itself", () => {
  const src = fileURLToPath(new URL("../../src/", import.meta.url));
  const writes = readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .filter((name) => /\b(stdout|stderr)\.write\(|\bconsole\./.test(readFileSync(join(src, name), "utf8")));
  expect(writes.sort()).toEqual([
    "cli/main.ts", // what explain() made
    "cli/makedumpfile/messages.ts", // through foreignText
    "cli/open-inputs.ts", // through foreignText
    "cli/print.ts", // through foreignText
  ]);
});
