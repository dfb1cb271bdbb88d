/** Names of outputs by the rules of Windows, macOS and Linux, wherever the test runs. */
import { posix, win32 } from "node:path";
import { expect, test } from "vitest";
import { namesFolder, sameName, samePath } from "../../src/writer/output-path.js";

test("a name that ends in a separator is a folder's", () => {
  expect(namesFolder("dumps/", posix)).toBe(true);
  expect(namesFolder("dumps\\", posix)).toBe(false);
  expect(namesFolder("C:\\dumps\\", win32)).toBe(true);
  expect(namesFolder("C:/dumps/", win32)).toBe(true);
  expect(namesFolder("C:\\dumps\\a.kdump", win32)).toBe(false);
});

test("two names of one file", () => {
  expect(samePath("/d/a", "/d/./b/../a", posix, "linux")).toBe(true);
  expect(samePath("/d/a", "/d/A", posix, "linux")).toBe(false);
  expect(samePath("/d/a", "/d/A", posix, "darwin")).toBe(true);
  expect(samePath("C:\\d\\a", "c:/D/a", win32, "win32")).toBe(true);
  expect(samePath("C:\\d\\a", "D:\\d\\a", win32, "win32")).toBe(false);
});

test("names that are one for the file system are one output: by case and dots at the end on FAT, exFAT, SMB", () => {
  const [vfat, exfat, smb, ext4] = [0x4d44, 0x2011bab0, 0xfe534d42, 0xef53];
  for (const type of [vfat, exfat, smb]) {
    expect([sameName("out", "OUT", type), sameName("out", "out.", type), sameName("out", "out1", type)]).toEqual([
      ...[true, true, false],
    ]);
  }
  expect(sameName("out", "OUT", ext4)).toBe(false);
});
