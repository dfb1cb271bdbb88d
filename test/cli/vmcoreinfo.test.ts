/** `-g` writes a dump's VMCOREINFO, `-i` takes it, --vmcoreinfo-device leads to it, --vmcoreinfo-at chooses one. */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";
import { ByteBuffer } from "../support/bytes.js";
import { temporaryFolder } from "../support/filter.js";
import { toKdump, writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { encodeNotes, vmcoreinfoNote } from "../support/notes.js";
import { failureOfAsync } from "../support/open.js";
import { openKdump } from "../support/other-kdump.js";

const folder = temporaryFolder();
const [elf, kdump, ram, info, entry, out] = ["elf", "kdump", "ram", "info", "entry", "out"].map((name) =>
  join(folder, name),
) as [string, string, string, string, string, string];
const kernel = buildKernel({ memory: 24 * MiB });
const note = encodeNotes([vmcoreinfoNote(kernel.vmcoreinfo)], "little");
/** Behind the kernel's own data. */
const AT = 23 * MiB;
writeElf(elf, kernel);
writeFileSync(kdump, toKdump(kernel));
const memory = Buffer.from(kernel.memory.read(0, 24 * MiB));
writeFileSync(ram, memory);

const run = async (...args: readonly string[]) =>
  (await parseCommandLine(args, { signal: new AbortController().signal, threads: undefined }))();

/** VMCOREINFO and the number of kept pages of the output. */
function written(): readonly [string, number] {
  const { facts, bitmap2, close } = openKdump(out);
  close();
  rmSync(out);
  return [facts.vmcoreinfo.toString("latin1"), bitmap2.reduce((sum, byte) => sum + (byte === 0 ? 0 : 1), 0)];
}

test("-g writes the text of any dump, for its owner only, and -f replaces a file", async () => {
  await run("-g", info, elf);
  expect(readFileSync(info, "latin1")).toBe(kernel.vmcoreinfo);
  expect(statSync(info).mode & 0o777).toBe(0o600);
  const again = await failureOfAsync(() => run("-g", info, kdump));
  expect(again.code).toBe("OUTPUT_EXISTS");
  await run("-g", info, "-f", kdump);
  expect(readFileSync(info, "latin1")).toBe(kernel.vmcoreinfo);
  const itself = await failureOfAsync(() => run("-g", elf, "-f", elf));
  expect(itself.code).toBe("OUTPUT_EXISTS");
});

test("-g beside a configuration file: options of the file that have no effect are ignored, those of the command line refused", async () => {
  const config = join(folder, "nightly.json");
  writeFileSync(config, JSON.stringify({ level: 31, compress: "zlib", filter: { sync: true, manifest: out } }));
  rmSync(info, { force: true });
  await run("--config", config, "-g", info, elf);
  expect(readFileSync(info, "latin1")).toBe(kernel.vmcoreinfo);
  expect(existsSync(out)).toBe(false);
  const error = await failureOfAsync(() => run("--config", config, "-g", info, "-f", elf, "--level", "31"));
  expect(error).toMatchObject({ code: "BAD_OPTION" });
  expect(error.message).toContain("-d has no effect beside -g");
});

test("-g of memory without the text", async () => {
  const error = await failureOfAsync(() => run("-g", out, "--raw", "0", ram));
  expect(error).toMatchObject({ code: "CANNOT_FILTER", file: ram });
});

test("-i, and the device's entry in hexadecimal or a file, give the pages of the dump with its note", async () => {
  await run("-q", elf, out);
  const expected = written();
  expect(expected[0]).toBe(kernel.vmcoreinfo);
  writeFileSync(info, kernel.vmcoreinfo.replaceAll("\n", "\r\n"));
  await run("-q", "-i", info, "--raw", "0", ram, out);
  expect(written()).toEqual(expected);
  // The page with the note is one more that has something in it, if it was not free.
  memory.set(note, AT);
  writeFileSync(ram, memory);
  const bytes = new ByteBuffer("little").u16(1).u16(1).u32(note.length).u64(AT).toBytes();
  writeFileSync(entry, bytes);
  for (const value of [entry, Buffer.from(bytes).toString("hex")]) {
    await run("-q", "--vmcoreinfo-device", value, "--raw", "0", ram, out);
    expect(written()[0]).toBe(kernel.vmcoreinfo);
  }
});

test("--vmcoreinfo-at takes one of several texts in memory, which info lists", async () => {
  const path = join(folder, "two-texts");
  const two = Buffer.from(memory);
  two.write(`${kernel.vmcoreinfo}CRASHTIME=1700000000\n\0`, AT, "latin1");
  two.write(`${kernel.vmcoreinfo}\0`, AT + 0x8000, "latin1");
  writeFileSync(path, two);
  const at = [AT, AT + 0x8000].map((address) => `0x${address.toString(16)}`) as [string, string];

  const said: string[] = [];
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => said.push(String(text)) > 0);
  try {
    await run("info", "--raw", "0", path, "--json");
    await run("info", "--raw", "0", path);
  } finally {
    stdout.mockRestore();
  }
  expect(JSON.parse(said[0] as string)).toMatchObject({
    vmcoreinfoAddress: at[0],
    vmcoreinfoFound: [
      { address: at[0], taken: true, crashTime: "2023-11-14T22:13:20.000Z", reason: "taken: written at a crash" },
      { address: at[1], taken: false, crashTime: null, reason: "a copy of the one taken" },
    ],
  });
  expect(said[1]).toContain("Candidates    2 VMCOREINFO texts in memory (--vmcoreinfo-at takes another)");
  expect(said[1]).toContain(`  ${at[1]} ${kernel.utsname.release}, no crash time; a copy of the one taken`);

  await run(path, out, "--raw", "0", "--vmcoreinfo-at", at[1], "-q");
  expect(written()[0]).toBe(kernel.vmcoreinfo);
  await run(path, out, "--raw", "0", "--vmcoreinfo-at", `${AT}`, "-q");
  expect(written()[0]).toContain("CRASHTIME=1700000000");
  for (const [value, message] of [
    ["here", /--vmcoreinfo-at here: must be a physical address/],
    ["0x5000", /there is no VMCOREINFO text at physical address 0x5000/],
  ] as const) {
    const failure = await failureOfAsync(() => run(path, out, "--raw", "0", "--vmcoreinfo-at", value));
    expect(failure).toMatchObject({ code: "BAD_OPTION", message: expect.stringMatching(message) });
  }
});
