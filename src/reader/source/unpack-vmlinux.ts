import { DumpError } from "../../errors.js";
import { aSignal, checkArgument, checkGiven, hasMembers, maybe, suchThat } from "../../option-shape.js";
import { spoolOption } from "../input-options.js";
import { ARCHIVE_HEAD, archiveOf, PACKAGES } from "./archive/archives.js";
import type { Wanted } from "./archive/find-member.js";
import { type ByteSource, readExactly } from "./byte-source.js";
import { packingOf } from "./packed/packing.js";
import { unpackStream } from "./packed/unpack.js";
import { type SideFile, sideFileOfImage } from "./side-file.js";
import { createSpoolFile, type SpoolOptions } from "./spool/spool-file.js";
import { spoolStream } from "./spool/spool-stream.js";

/** How to keep the content of a packed file while it is open. */
export interface UnpackVmlinuxOptions {
  readonly spool?: SpoolOptions;
  /** Stops the unpacking: debug packages have a GB. */
  readonly signal?: AbortSignal;
}

const aSideFile = suchThat(
  (value) =>
    hasMembers(value, ["name", "source", "close"]) &&
    typeof (value as SideFile).close === "function" &&
    hasMembers((value as SideFile).source, ["size", "read"]),
  "a file of openSideFile",
);

const PIECE = 1 << 20;
const DEBUG_PACKAGE = "Give the kernel's debug package (linux-image-…-dbg, -dbgsym, kernel-debuginfo)";
const MOST_LEFT = "Take it out of there and give that, or give the kernel's debug package";

/** A linked ELF file (ET_EXEC, ET_DYN). Modules, which are in the same packages, are not. */
const VMLINUX: Wanted = {
  noun: "a vmlinux",
  is(head) {
    if (head.length < 18 || Buffer.from(head.subarray(0, 4)).toString("latin1") !== "\x7fELF") return false;
    const type =
      head[5] === 2
        ? (head[17] as number) | ((head[16] as number) << 8)
        : (head[16] as number) | ((head[17] as number) << 8);
    return type === 2 || type === 3;
  },
  // vdso64.so and programs are also ELF files of these types.
  mayBe: (name) =>
    /(^|\/)(vmlinux|data\.tar|payload)[^/]*$|(?<!^control)\.tar(\.\w+)?$|\.(deb|ddeb|rpm|cpio)$/.test(name),
  archives: PACKAGES,
  cure(names) {
    if (names.includes("payload")) return "Unpack it first, and give that: `rpm2cpio FILE > FILE.cpio`";
    return names.some((name) => /(^|\/)(data\.tar|vmlinuz)/.test(name)) ? DEBUG_PACKAGE : MOST_LEFT;
  },
};

/** Whether a side file is packed or a package, so that `unpackVmlinux` has to open it. */
export function isPackedVmlinux(source: ByteSource): boolean {
  const bytes = new Uint8Array(Math.min(ARCHIVE_HEAD, source.size));
  const head = bytes.subarray(0, source.read(bytes, 0));
  return packingOf(head) !== undefined || archiveOf(head, PACKAGES) !== undefined;
}

/**
 * The vmlinux in a file that is packed (gzip, xz, zstd, bzip2, LZ4), in an archive (tar, zip) or in a package (.deb,
 * .ddeb, .rpm), kept in a temporary file until it is closed; any other file is returned unchanged. The given file is
 * closed when it is no longer needed, and if anything fails. Throws `NOT_A_DUMP` for an archive without a vmlinux, what
 * unpacking and the temporary file throw, `ABORTED`.
 */
export async function unpackVmlinux(file: SideFile, options: UnpackVmlinuxOptions = {}): Promise<SideFile> {
  checkArgument("file", file, aSideFile);
  try {
    checkGiven(options, { spool: spoolOption, signal: maybe(aSignal) });
  } catch (error) {
    file.close();
    throw error;
  }
  const { spool = {}, signal } = options;
  const { name, source } = file;
  const kept = createSpoolFileOf(file, spool);
  if (kept === undefined) return file;
  try {
    const { chunks } = await unpackStream(bytesOf(source, signal), name, { salvage: false, wanted: VMLINUX, signal });
    const { size, ends } = await spoolStream({ name, chunks }, kept, undefined, (error) => {
      throw error;
    });
    return sideFileOfImage({
      file: { path: name, fd: kept.fd, size, mtimeMs: 0 },
      flattened: undefined,
      spool: { size, ends, packing: undefined, path: kept.path },
    });
  } catch (error) {
    kept.drop();
    throw error;
  } finally {
    file.close();
  }
}

function createSpoolFileOf(file: SideFile, spool: SpoolOptions) {
  try {
    return isPackedVmlinux(file.source) ? createSpoolFile(spool, "for the vmlinux in a packed file") : undefined;
  } catch (error) {
    file.close();
    throw error;
  }
}

async function* bytesOf(
  source: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < source.size; at += PIECE) {
    if (signal?.aborted) throw new DumpError("ABORTED", "stopped while it was read", { file: source.name });
    // A new array for each piece, because the unpacker may keep it.
    yield readExactly(source, at, Math.min(PIECE, source.size - at), "packed data");
  }
}
