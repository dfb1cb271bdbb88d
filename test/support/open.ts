/** Opening small built dumps with the program's own reader. */
import { join } from "node:path";
import { expect } from "vitest";
import { DumpError, type DumpErrorCode } from "../../src/errors.js";
import type { Dump } from "../../src/reader/dump.js";
import { openDump } from "../../src/reader/open.js";
import { readPages } from "../../src/reader/physical-memory.js";
import { Warnings } from "../../src/warnings.js";
import { writeDump } from "./write-dump.js";

/** Opens the bytes as a file, or several as a split set, and closes them when `use` has returned. */
export function withDump<T>(
  folder: string,
  files: Uint8Array | readonly Uint8Array[],
  use: (dump: Dump, warnings: Warnings) => T,
): T {
  const list = files instanceof Uint8Array ? [files] : files;
  const paths = list.map((bytes, i) => {
    const path = join(folder, `dump${i}`);
    writeDump(path, bytes);
    return path;
  });
  const warnings = new Warnings();
  const dump = openDump(paths, warnings);
  try {
    return use(dump, warnings);
  } finally {
    dump.close();
  }
}

/** The error that opening ends with. Fails when it is no DumpError of that code, or one that does not name the file. */
export function openError(folder: string, files: Uint8Array | readonly Uint8Array[], code: DumpErrorCode): DumpError {
  const error = failureOf(() => withDump(folder, files, () => undefined));
  expect(error).toMatchObject({ code, file: expect.stringContaining(folder) });
  return error;
}

/** The DumpError that `run` throws. */
export function failureOf(run: () => unknown): DumpError {
  try {
    run();
  } catch (error) {
    if (error instanceof DumpError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The whole page, with zeros where the dump has no bytes. */
export function pageOf(dump: Dump, pfn: number): Buffer {
  const page = Buffer.alloc(dump.pageSize);
  readPages(dump.memory, pfn * dump.pageSize, page);
  return page;
}

/** The same of an asynchronous `run`. */
export async function failureOfAsync(run: () => unknown): Promise<DumpError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DumpError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
