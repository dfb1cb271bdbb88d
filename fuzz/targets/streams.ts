/** What comes as a stream, or packed: unpacking, the temporary file that keeps it, and the dump in it. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { isElf } from "../../src/reader/elf/header.js";
import { FURTHER } from "../../src/reader/further-formats.js";
import { openSources } from "../../src/reader/open-sources.js";
import { PACKAGES } from "../../src/reader/source/archive/archives.js";
import { unpackStream } from "../../src/reader/source/packed/unpack.js";
import { closeOnce, lookInside } from "../../src/reader/source/source-image.js";
import { SPOOL_CHUNK } from "../../src/reader/source/spool/spool-index.js";
import { spoolInput } from "../../src/reader/source/spool/spool-input.js";
import { spoolSource } from "../../src/reader/source/spool/spool-source.js";
import { Warnings } from "../../src/warnings.js";
import { patternBytes } from "../../test/support/bytes.js";
import { flatten } from "../../test/support/flattened-image.js";
import { buildKdump, type KdumpOptions } from "../../test/support/kdump-image.js";
import { packers } from "../../test/support/packed.js";
import { asFile, folder } from "../files.js";
import { lookAt } from "../look.js";
import type { FuzzTarget } from "../target.js";
import { elfs, kdumps } from "./dump-files.js";

/** Packed a thousand times as small: what a hostile stream may unpack to before it is left alone here. */
const MOST_UNPACKED = 64 << 20;
const LONGEST = 8192;

/** The bytes in pieces of that size, as a pipe may give them. */
async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** Any ELF file, in all archives that are known. */
const WANTED = { noun: "a file", is: isElf, archives: PACKAGES, cure: () => "Give another" };

/** What a stream unpacks to, and the code of the error it ends with. */
interface Unpacked {
  readonly data: Buffer;
  readonly end: string;
  readonly isArchive: boolean;
}

async function unpacked(bytes: Uint8Array, size: number, salvage: boolean): Promise<Unpacked> {
  const parts: Uint8Array[] = [];
  let length = 0;
  let end = "";
  let isArchive = false;
  try {
    const { chunks, packing } = await unpackStream(inPieces(bytes, size), "fuzz", { salvage, wanted: WANTED });
    isArchive = / in an? /.test(packing ?? "");
    for await (const chunk of chunks) {
      parts.push(Buffer.from(chunk));
      length += chunk.length;
      if (length > MOST_UNPACKED) break;
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.name === "DumpError")) throw error;
    end = String(error.code);
  }
  return { data: Buffer.concat(parts), end, isArchive };
}

const { lz4, zstd } = packers;
/** Archives and packings of other tools: those that fit. */
const archives = () =>
  [
    "piped.zip",
    "file.zip",
    "ustar.tar.gz",
    "pax.tar.gz",
    "vmcore.bz2",
    "vmcore.xz",
    "sha256-blocks.xz",
    "kernel-dbg.deb",
    "kernel-image.deb",
  ].map((name) => new Uint8Array(readFileSync(new URL(`../../test/fixtures/packed/${name}`, import.meta.url))));
const small = () => (elfs[0] as Uint8Array).subarray(0, 3000);

/** However the pipe cuts a stream, it is the same; a piece's bytes stay as they were when it was handed out. */
const packedTarget: FuzzTarget = {
  name: "packed",
  longest: LONGEST,
  seeds: () => [...Object.values(packers).map((pack) => pack(small())), small(), ...archives()],
  async run(input) {
    for (const salvage of [false, true]) {
      const whole = await unpacked(input, input.length || 1, salvage);
      const cut = await unpacked(input, 7, salvage);
      if (whole.data.length > MOST_UNPACKED || cut.data.length > MOST_UNPACKED) return;
      if (!whole.data.equals(cut.data) && whole.end === "" && cut.end === "") {
        throw new Error("a stream in other pieces unpacks to something else");
      }
      // Whether damage behind the file that was looked for is seen hangs on how far a packed archive was read by then.
      if (whole.isArchive || cut.isArchive) continue;
      if ((whole.end === "") !== (cut.end === ""))
        throw new Error(`a stream ends with ${whole.end}, in pieces with ${cut.end}`);
    }
  },
};

/** The first byte says how large the pipe's pieces are. */
const streamTarget: FuzzTarget = {
  name: "stream",
  longest: LONGEST,
  reach: 1500,
  seeds() {
    const kdump = buildKdump(kdumps[1] as KdumpOptions);
    const dumps = [
      elfs[0],
      elfs[2],
      flatten(elfs[0] as Uint8Array, { recordSize: 700 }),
      ...["gzip", "zstd", "lz4", "lz4, linked blocks"].map((name) => packers[name]?.(kdump)),
      zstd?.(flatten(kdump, { recordSize: 3000 })),
    ];
    return dumps.map((dump, i) => Buffer.concat([Uint8Array.of(40 * i), dump as Uint8Array]));
  },
  async run(input) {
    const bytes = input.subarray(1);
    const size = 1 + 16 * (input[0] ?? 0);
    let failed: unknown;
    for (const salvage of [false, true]) {
      const stream = { name: "stream", chunks: inPieces(bytes, size) };
      const options = { salvage, spool: { dir: folder, limit: MOST_UNPACKED } };
      try {
        const spooled = await spoolInput(stream, new Warnings(), options);
        let image: ReturnType<typeof lookInside>;
        try {
          image = lookInside(spooled, salvage);
        } catch (error) {
          closeOnce([{ ...spooled, flattened: undefined }])();
          throw error;
        }
        const dump = openSources([image], new Warnings(), options, FURTHER);
        try {
          lookAt(dump);
        } finally {
          dump.close();
        }
      } catch (error) {
        failed ??= error;
        if (!(error instanceof Error && error.name === "DumpError")) throw error;
      }
    }
    if (failed !== undefined) throw failed;
  },
};

/** A temporary file that something else wrote to: 3 chunks, the middle one packed. */
const spoolTarget: FuzzTarget = {
  name: "spool-file",
  longest: 20_000,
  seeds: () => {
    const packed = lz4?.(patternBytes("chunk ", 100_000)) as Uint8Array;
    // Behind the frame's header and the block's length.
    const block = Buffer.concat([Uint8Array.of(0xa0, 0x86, 1, 0), packed.subarray(11)]);
    return [block, new Uint8Array(9000).fill(7)];
  },
  run(input) {
    const path = asFile("spool", input);
    const fd = openSync(path, "r");
    const size = 2 * SPOOL_CHUNK + 5000;
    const ends = Float64Array.of(0, input.length, input.length);
    try {
      const source = spoolSource({ path, fd, size, mtimeMs: 0 }, { size, ends, packing: undefined, path: undefined });
      const into = new Uint8Array(SPOOL_CHUNK + 64).fill(0xc5);
      if (source.read(into.subarray(16, 16 + SPOOL_CHUNK), SPOOL_CHUNK - 1000) !== SPOOL_CHUNK)
        throw new Error("a short read");
      if ([...into.subarray(0, 16), ...into.subarray(16 + SPOOL_CHUNK)].some((byte) => byte !== 0xc5)) {
        throw new Error("written outside of the output");
      }
    } finally {
      closeSync(fd);
    }
  },
};

export const streamTargets: readonly FuzzTarget[] = [packedTarget, streamTarget, spoolTarget];
