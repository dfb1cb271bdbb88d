/** Shell completion: what bash offers with the script that is printed. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { completionScript, type SHELLS } from "../../src/cli/options/completion-scripts.js";
import { COMMAND_NAMES } from "../../src/cli/options/option.js";
import { runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";

const script = (shell: (typeof SHELLS)[number]) => completionScript(shell);

/** What bash would offer for the last of these words. */
function offered(...words: string[]): string[] {
  const list = words.map((word) => `'${word}'`).join(" ");
  const code = `${script("bash")}\nCOMP_WORDS=(coresieve ${list}); COMP_CWORD=${words.length}; _coresieve; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", code], { encoding: "utf8", cwd: import.meta.dirname })
    .split("\n")
    .filter((word) => word !== "");
}

test("bash: commands and files first, then the command's options", () => {
  expect(offered("")).toEqual(expect.arrayContaining([...COMMAND_NAMES, "completion.test.ts"]));
  expect(offered("ver")).toEqual(["verify"]);
  expect(offered("verify", "--ag")).toEqual(["--against"]);
  expect(offered("dump", "--priv")).toEqual(["--privacy", "--privacy-extra", "--privacy-keep", "--privacy-strict"]);
  expect(offered("dump", "completion.t")).toEqual(["completion.test.ts"]);
  expect(offered("jobs", "wa")).toEqual(["watch"]);
});

test("bash: behind an option what it takes: its choices, files, folders, or nothing", () => {
  expect(offered("dump", "--compress", "z")).toEqual(["zlib", "zstd"]);
  expect(offered("dump", "--compress", "=", "sn")).toEqual(["snappy"]);
  expect(offered("dump", "--compress", "=")).toContain("lzo");
  expect(offered("dump", "--exclude", "zero,ca")).toEqual(["zero,cache", "zero,cache-private"]);
  expect(offered("dump", "-i", "completion.t")).toEqual(["completion.test.ts"]);
  expect(offered("dump", "--spool-dir", "")).toEqual(["errors", "help", "makedumpfile"]);
  expect(offered("dump", "-d", "")).toEqual([]);
  expect(offered("dmesg", "dump", "--follow-format", "k")).toEqual(["kmsg"]);
  expect(offered("bench", "dump", "-d", "")).toEqual([]);
});

test("zsh and fish have every command; another shell is refused", async () => {
  for (const shell of ["zsh", "fish"] as const) for (const name of COMMAND_NAMES) expect(script(shell)).toContain(name);
  expect(await runCli(["completion", "csh"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('unknown shell "csh"'),
  });
  expect((await runHere(["completion", "bash"])).stdout.toString()).toBe(script("bash"));
  expect(await runCli(["completion"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no shell was named"),
  });
});
