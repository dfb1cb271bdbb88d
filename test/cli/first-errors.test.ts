/**
 * The errors that people meet first, as the built program prints them: read each aloud before you accept another text. What happened, then what to do.
 * docs/messages.md shows them as examples.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../support/filter.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = join(root, "dist/cli/main.js");
const folder = temporaryFolder();

beforeAll(() => {
  const dump = brotliDecompressSync(readFileSync(join(root, "samples/linux-6.1-x86_64.vmcore.br")));
  for (const name of ["vmcore", "cut"]) writeFileSync(join(folder, name), dump);
  truncateSync(join(folder, "cut"), 20_000_000);
  writeFileSync(join(folder, "dmesg.txt"), "[    0.000000] Linux version 6.1.0\n");
  writeFileSync(join(folder, "notes"), "Remember the milk, and much more than that\n".repeat(100));
  writeFileSync(join(folder, "guest.ram"), Buffer.alloc(4 << 20, "no kernel "));
  writeFileSync(join(folder, "there"), "");
  mkdirSync(join(folder, "crash"));
});

/** By the code of docs/messages.md. `blocks`: most blocks of 512 bytes that a file may have. */
const cases: readonly (readonly [code: string, args: readonly string[], blocks?: number])[] = [
  ["NOT_READABLE", ["vmcroe", "small.kdump"]],
  ["NOT_READABLE-folder", ["crash", "small.kdump"]],
  ["NOT_A_DUMP", ["notes", "small.kdump"]],
  ["NOT_A_DUMP-log", ["dmesg.txt", "small.kdump"]],
  ["OUTPUT_EXISTS", ["vmcore", "there"]],
  ["CANNOT_FILTER", ["--raw", "0", "guest.ram", "small.kdump"]],
  ["TRUNCATED", ["cut", "small.kdump"]],
  ["NO_SPACE", ["vmcore", "small.kdump"], 2048],
  ["BAD_OPTION", ["vmcore"]],
];

test.skipIf(process.platform === "win32").each(cases.map((one) => ({ name: one[0], one })))(
  "$name",
  async ({ one }) => {
    const [code, args, blocks] = one;
    const before = readdirSync(folder);
    const run = blocks === undefined ? 'exec "$@"' : `ulimit -f ${blocks}; exec "$@"`;
    const { status, stdout, stderr } = spawnSync("sh", ["-c", run, "sh", process.execPath, program, ...args], {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1" },
      encoding: "utf8",
    });
    expect({ status, stdout }).toEqual({ status: code === "BAD_OPTION" ? 2 : 1, stdout: "" });
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .filter((line) => line.startsWith("coresieve: ")),
    ).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(before);
    await expect(stderr).toMatchFileSnapshot(`errors/${code}.txt`);
  },
);

test("verify of a cut-off dump ends with what to do", () => {
  const { status, stdout } = spawnSync(process.execPath, [program, "verify", "cut"], { cwd: folder, encoding: "utf8" });
  expect(status).toBe(1);
  expect(stdout).toMatch(/\nResult {4}something is wrong: .*1 cut-off.*\nTo do {5}copy it again .*`(.*)`.*\n$/);
  const cure = /`coresieve (.*)`/.exec(stdout)?.[1]?.replace("DUMP", "cut").replace("OUT", "saved").split(" ") ?? [];
  try {
    expect(spawnSync(process.execPath, [program, ...cure], { cwd: folder }).status).toBe(0);
  } finally {
    rmSync(join(folder, "saved"), { force: true });
  }
});
