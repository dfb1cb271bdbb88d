/**
 * The one way through which tests reach the real dumps.
 *
 * The dumps lie outside the repository, in ../shared/dumps (described by the README there), packed. A dump is unpacked
 * once, into a cache folder outside the repository, and shared between tests, test processes and test runs.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";
import { type DumpFacts, furtherDumps, realDumps } from "./dumps-list.js";
import { type Golden, parseGolden } from "./golden.js";
import { unpackTarZst, unpackZst } from "./unpack.js";

export { type DumpFacts, foreignDumps, furtherDumps, goldenDumps, realDumps } from "./dumps-list.js";

/** The folder of packed dumps: the repository's neighbour. */
export const dumpsFolder = fileURLToPath(new URL("../../../shared/dumps/", import.meta.url));

const { CI, CORESIEVE_DUMPS_CACHE } = process.env;

const cacheFolder = CORESIEVE_DUMPS_CACHE ?? join(tmpdir(), "coresieve-dumps");

/** Are the real dumps on this machine? */
export const dumpsPresent = existsSync(join(dumpsFolder, "README.md"));

/** True where a missing dump or tool is a failure and not a reason to skip. */
export const mustNotSkip = CI === "true";

/** Where the files of one unpacked dump are. Files that this dump does not have are undefined. */
export interface RealDump {
  readonly facts: DumpFacts;
  readonly folder: string;
  /** The ELF dump, program headers at offset 64 (makedumpfile can read it). */
  readonly vmcore: string;
  /** QEMU's own flattened kdump-zlib of the same stopped machine. */
  readonly flat: string | undefined;
  /** The original head of `vmcore`, as QEMU wrote it; see `originalQemuFile`. */
  readonly qemuHeader: string | undefined;
  /** makedumpfile's answers for every level; x86-64 only. */
  readonly golden: Golden | undefined;
  readonly truth: string;
  readonly vmcoreinfo: string;
  readonly kpageflags: string;
  readonly kpagecount: string | undefined;
  readonly info: string;
  readonly consoleLog: string;
}

/** Looks a dump's facts up; an unknown name is a mistake in the test. */
export function dumpFacts(name: string): DumpFacts {
  const facts = [...realDumps, ...furtherDumps].find((dump) => dump.name === name);
  if (facts === undefined) {
    throw new Error(
      `no real dump is called ${name}; known: ${[...realDumps, ...furtherDumps].map((dump) => dump.name).join(", ")}`,
    );
  }
  return facts;
}

/** A small input of ../shared/inputs, each of which showed a fault; unpacked if it is packed. */
export async function sharedInput(name: string): Promise<string> {
  const path = fileURLToPath(new URL(`../../../shared/inputs/${name}`, import.meta.url));
  if (existsSync(path)) return path;
  const packed = `${path}.zst`;
  return once(packed, async () => {
    const target = join(cacheFolder, `${name}-${statSync(packed).size}`);
    if (!existsSync(target)) {
      await inTemporaryFolder(async (folder) => {
        const file = join(folder, name);
        await unpackZst(packed, file);
        renameSync(file, target);
      });
    }
    return target;
  });
}

/** The parsed NAME.golden.json, without unpacking the dump: good for making a list of tests. */
export function readGolden(name: string): Golden {
  return parseGolden(readFileSync(join(dumpsFolder, `${name}.golden.json`), "utf8"));
}

const unpacked = new Map<string, Promise<string>>();

/** Unpacks a dump if that has not been done, and says where its files are. */
export async function realDump(name: string): Promise<RealDump> {
  const facts = dumpFacts(name);
  const folder = await once(name, () => unpackDump(name));
  const ifThere = (file: string): string | undefined =>
    existsSync(join(folder, file)) ? join(folder, file) : undefined;
  return {
    facts,
    folder,
    vmcore: join(folder, "vmcore.elf"),
    flat: ifThere("vmcore.kdump-zlib.flat"),
    qemuHeader: ifThere("vmcore.elf.qemu-header.bin"),
    golden: facts.golden ? readGolden(name) : undefined,
    truth: join(folder, "truth.txt"),
    vmcoreinfo: join(folder, "vmcoreinfo.txt"),
    kpageflags: join(folder, "kpageflags.bin"),
    kpagecount: ifThere("kpagecount.bin"),
    info: join(folder, "info.json"),
    consoleLog: join(folder, "console.log"),
  };
}

/** The ELF dump exactly as QEMU wrote it: section header first, program headers behind it. */
export async function originalQemuFile(name: string): Promise<string> {
  const dump = await realDump(name);
  const header = dump.qemuHeader;
  if (header === undefined) {
    throw new Error(`${name} was not written by QEMU's dump-guest-memory`);
  }
  const target = join(dump.folder, "vmcore.as-qemu-wrote-it.elf");
  await once(target, async () => {
    if (!existsSync(target)) {
      await inTemporaryFolder(async (folder) => {
        const copy = join(folder, "vmcore.elf");
        copyFileSync(dump.vmcore, copy);
        const file = await open(copy, "r+");
        try {
          await file.write(readFileSync(header), 0, null, 0);
        } finally {
          await file.close();
        }
        renameSync(copy, target);
      });
    }
    return target;
  });
  return target;
}

/** The kernel with debug information that belongs to tiny-x86-6.1-nokaslr (and, but for KASLR, tiny-x86-6.1). */
export async function realVmlinux(): Promise<string> {
  const name = "vmlinux-tiny-x86-6.1";
  return once(name, async () => {
    const archive = join(dumpsFolder, `${name}.zst`);
    const target = join(cacheFolder, `${name}-${statSync(archive).size}`);
    if (!existsSync(target)) {
      await inTemporaryFolder(async (folder) => {
        const file = join(folder, "vmlinux");
        await unpackZst(archive, file);
        renameSync(file, target);
      });
    }
    return target;
  });
}

/**
 * `describe` for tests that need the real dumps. Without them a local run skips, and says why; under CI it fails, so
 * that a run without dumps never looks like a run that passed.
 */
export function describeWithDumps(title: string, tests: () => void): void {
  if (dumpsPresent) {
    describe(title, tests);
    return;
  }
  const reason = "../shared/dumps is not there";
  if (mustNotSkip) {
    describe(title, () => {
      test("needs the real dumps", () => {
        throw new Error(`${reason}, and CI=true`);
      });
    });
    return;
  }
  // vitest counts skipped tests and does not name them; somebody without the dumps should know what was not tried.
  console.warn(`skipped: ${title}: ${reason}`);
  // The body is not run: it may read golden files while it lists its tests.
  describe(`${title} (skipped: ${reason})`, () => {
    test.skip(`skipped: ${reason}`, () => {});
  });
}

async function unpackDump(name: string): Promise<string> {
  const archive = join(dumpsFolder, `${name}.tar.zst`);
  if (!existsSync(archive)) {
    throw new Error(`../shared/dumps/${name}.tar.zst is not there`);
  }
  // The size in the folder's name: a cache made from an older archive is not mistaken for this one's.
  const target = join(cacheFolder, `${name}-${statSync(archive).size}`);
  if (!existsSync(target)) {
    await inTemporaryFolder(async (folder) => {
      await unpackTarZst(archive, folder);
      renameUnlessThere(join(folder, name), target);
    });
  }
  return target;
}

/** One piece of work per name and process; a failure is remembered too, so that it is not repeated for every test. */
function once(key: string, work: () => Promise<string>): Promise<string> {
  const known = unpacked.get(key);
  if (known !== undefined) {
    return known;
  }
  const promise = work();
  unpacked.set(key, promise);
  return promise;
}

/**
 * Runs `work` with a folder of its own in the cache. Two test processes may want the same dump at once: each makes it in
 * its own folder and renames it, so what stands under its final name is always whole.
 */
async function inTemporaryFolder(work: (folder: string) => Promise<void>): Promise<void> {
  mkdirSync(cacheFolder, { recursive: true });
  const folder = mkdtempSync(join(cacheFolder, ".unpacking-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function renameUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    // The other process was first; its folder is as good as ours.
    if (!existsSync(to)) {
      throw error;
    }
  }
}
