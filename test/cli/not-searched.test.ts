/** A file that stores too little for the memory that it claims is not searched to its end: nobody says then that there is no kernel in it. */
import { truncateSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inFolder } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";

const file = inFolder(temporaryFolder());
writeFileSync(file("memory"), Buffer.alloc(4096, 1));
truncateSync(file("memory"), 3 * 2 ** 30);
const vmlinux = ["-x", "test/fixtures/dwarf/x86-64-dwarf4"];
const memory = ["--raw", "0", file("memory")];

test.each([
  ["a filter run", [...memory, file("out")]],
  ["a filter run with a vmlinux", [...vmlinux, ...memory, file("out")]],
  ["info with a vmlinux", ["info", ...vmlinux, ...memory]],
  ["estimate with a vmlinux", ["estimate", ...vmlinux, ...memory]],
  ["dmesg", ["dmesg", ...memory]],
  ["the text of VMCOREINFO", ["-g", file("text"), ...memory]],
  ["a run with a vmlinux, strictly", ["--strict", ...vmlinux, ...memory, file("out")]],
])("%s", async (_, args) => {
  const { code, stderr } = await runHere(args);
  expect(code).toBe(1);
  expect(stderr).toContain("was searched for the kernel up to 0x80000000 only");
  expect(stderr).not.toMatch(/no kernel's banner|neither in a note nor in its memory/);
});
