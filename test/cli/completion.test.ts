/** Shell completion: what bash offers with the script that is printed. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { COMMAND_NAMES } from "../../src/cli/options/option.js";
import { runCli } from "../support/cli.js";

const script = async (shell: string) => (await runCli(["completion", shell])).stdout.toString();

/** What bash would offer for the last of these words. */
async function offered(...words: string[]): Promise<string[]> {
  const list = words.map((word) => `'${word}'`).join(" ");
  const code = `${await script("bash")}\nCOMP_WORDS=(coresieve ${list}); COMP_CWORD=${words.length}; _coresieve; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", code], { encoding: "utf8", cwd: import.meta.dirname })
    .split("\n")
    .filter((word) => word !== "");
}

test("bash: commands and files first, then the command's options", async () => {
  expect(await offered("")).toEqual(expect.arrayContaining([...COMMAND_NAMES, "completion.test.ts"]));
  expect(await offered("ver")).toEqual(["verify"]);
  expect(await offered("verify", "--ag")).toEqual(["--against"]);
  expect(await offered("dump", "--priv")).toEqual(["--privacy", "--privacy-extra"]);
  expect(await offered("dump", "completion.t")).toEqual(["completion.test.ts"]);
  expect(await offered("jobs", "wa")).toEqual(["watch"]);
});

test("bash: behind an option what it takes: its choices, files, folders, or nothing", async () => {
  expect(await offered("dump", "--compress", "z")).toEqual(["zlib", "zstd"]);
  expect(await offered("dump", "--compress", "=", "sn")).toEqual(["snappy"]);
  expect(await offered("dump", "--compress", "=")).toContain("lzo");
  expect(await offered("dump", "--exclude", "zero,ca")).toEqual(["zero,cache", "zero,cache-private"]);
  expect(await offered("dump", "-i", "completion.t")).toEqual(["completion.test.ts"]);
  expect(await offered("dump", "--spool-dir", "")).toEqual(["help", "makedumpfile"]);
  expect(await offered("dump", "-d", "")).toEqual([]);
  expect(await offered("dmesg", "dump", "--follow-format", "k")).toEqual(["kmsg"]);
  expect(await offered("bench", "dump", "-d", "")).toEqual([]);
});

test("zsh and fish have every command; another shell is refused", async () => {
  for (const shell of ["zsh", "fish"]) for (const name of COMMAND_NAMES) expect(await script(shell)).toContain(name);
  expect(await runCli(["completion", "csh"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("csh: unknown shell"),
  });
  expect(await runCli(["completion"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no shell was named"),
  });
});
