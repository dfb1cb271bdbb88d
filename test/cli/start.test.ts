/** A plain run starts with what its dump needs, and no more: each of Node's own larger modules is some 5 ms. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { inFolder, runCli } from "../support/cli.js";
import { temporaryFolder } from "../support/filter.js";

test("a plain run loads nothing of Node's for digests, servers and packed files", async () => {
  const file = inFolder(temporaryFolder());
  const packed = fileURLToPath(new URL("../../samples/linux-6.1-x86_64.vmcore.br", import.meta.url));
  writeFileSync(file("vmcore"), brotliDecompressSync(readFileSync(packed)));
  writeFileSync(
    file("list.cjs"),
    `if (require("node:worker_threads").isMainThread) process.on("exit", () =>
      require("node:fs").writeFileSync(process.env.LOADED_LIST, JSON.stringify(process.moduleLoadList)));`,
  );
  const env = { NODE_OPTIONS: `--require ${file("list.cjs")}`, LOADED_LIST: file("loaded") };
  const { code, stderr } = await runCli([file("vmcore"), file("out"), "-d", "31"], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const loaded: string[] = JSON.parse(readFileSync(file("loaded"), "utf8"));
  expect(loaded).toContain("NativeModule fs");
  const spare = ["crypto", "http", "https", "tls", "zlib", "child_process"].map((name) => `NativeModule ${name}`);
  expect(loaded.filter((name) => spare.includes(name))).toEqual([]);
});
