/** The stories: their commands run on the dump of the samples, one after the other, and print what the pages show. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/filter.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Blocks of commands, each with the lines of output that the page shows behind it. */
function stepsOf(page: string): { commands: string; shown: string[] }[] {
  const steps: { commands: string; shown: string[] }[] = [];
  for (const [, language, body] of page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)) {
    if (language === "sh") steps.push({ commands: body as string, shown: [] });
    else steps.at(-1)?.shown.push(...(body as string).split("\n").filter((line) => line !== "" && line !== "…"));
  }
  return steps;
}

test.skipIf(process.platform === "win32").each([
  ["docs/first-vmcore.md", 6],
  ["docs/dump-for-a-vendor.md", 4],
])(
  "%s",
  (name, count) => {
    const folder = temporaryFolder();
    const bin = join(folder, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "coresieve"), `#!/bin/sh\nexec "${process.execPath}" "${root}/dist/cli/main.js" "$@"\n`);
    chmodSync(join(bin, "coresieve"), 0o755);
    const dump = brotliDecompressSync(readFileSync(join(root, "samples/linux-6.1-x86_64.vmcore.br")));
    mkdirSync(join(folder, "out"));
    writeFileSync(join(folder, "out/demo.vmcore"), dump);
    writeFileSync(join(folder, "vmcore"), dump);
    const steps = stepsOf(readFileSync(join(root, name), "utf8"));
    expect(steps).toHaveLength(count);
    for (const { commands, shown } of steps) {
      const env = { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"]}`, NO_COLOR: "1" };
      const { status, stdout, stderr } = spawnSync("sh", ["-ec", commands], { cwd: folder, env, encoding: "utf8" });
      expect({ commands, status, stderr: status === 0 ? "" : stderr }).toEqual({ commands, status: 0, stderr: "" });
      const lines = stdout.split("\n");
      for (const line of shown) expect(lines, commands).toContain(line);
    }
  },
  120_000,
);
