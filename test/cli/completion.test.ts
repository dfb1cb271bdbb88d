/** Shell completion: what bash offers with the script that is printed. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { COMMAND_NAMES } from "../../src/cli/commands.js";
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
});

test("zsh and fish have every command; another shell is refused", async () => {
  for (const shell of ["zsh", "fish"]) for (const name of COMMAND_NAMES) expect(await script(shell)).toContain(name);
  expect(await runCli(["completion", "csh"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("csh is not known"),
  });
  expect(await runCli(["completion"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no shell was named"),
  });
});
