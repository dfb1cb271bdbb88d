/** `coresieve estimate --to`: where the room is asked for. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { beforeAll, expect, test, vi } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";
import { temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();
const vmcore = join(folder, "vmcore");

beforeAll(() => {
  const packed = fileURLToPath(new URL("../../samples/linux-6.1-x86_64.vmcore.br", import.meta.url));
  writeFileSync(vmcore, brotliDecompressSync(readFileSync(packed)));
});

async function roomLine(to: string): Promise<string> {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    const context = { signal: new AbortController().signal, threads: undefined };
    await (await parseCommandLine(["estimate", vmcore, "-d", "31", "--to", to], context))();
    return /^Room.*$/m.exec(write.mock.calls.map(([text]) => text).join(""))?.[0] ?? "";
  } finally {
    write.mockRestore();
  }
}

test("a folder that is there is named alone; of a name that is not, the folder above, and that it is not there", async () => {
  expect(await roomLine(folder)).toContain(` at ${folder}; sizes`);
  const missing = join(folder, "upload");
  expect(await roomLine(missing)).toContain(` at ${folder} (${missing} is not there yet); sizes`);
});
