/** A small built kernel as a file of each format. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { flatten } from "../../test/support/flattened-image.js";
import { toElf, toKdump } from "../../test/support/kernel-dump.js";
import { buildKernel, type KernelOptions, MiB } from "../../test/support/kernel-image.js";
import { packers } from "../../test/support/packed.js";
import type { PageCodec } from "../../test/support/page-codecs.js";
import { buildAvml, buildLime, ramOf } from "../../test/support/raw-image.js";
import { sampleDump } from "../../test/support/sample.js";
import type { Format } from "./fault-case.js";

/** Formats of chance runs, kdump files whose pages are all of one kind, and the dump in samples/: of a real kernel, as privacy needs it. */
export type InputFormat = Format | "sample" | "elf.tar.gz" | "kdump-raw" | "kdump-lzo" | "kdump-snappy" | "kdump-zstd";

const LARGE: KernelOptions = {
  memory: 24 * MiB,
  memoryModel: "sparse-extreme",
  pages: [
    { pfn: 64, kind: "anon", count: 64 },
    { pfn: 256, kind: "free", order: 6 },
    { pfn: 512, kind: "cache", count: 64 },
    { pfn: 1024, kind: "anon", count: 2000 },
  ],
};

/** A kernel of 7 MiB: a run over it takes little longer than the program's start. */
export const SMALL: KernelOptions = {
  memory: [
    { start: 0, end: 2 * MiB },
    { start: 16 * MiB, end: 21 * MiB },
  ],
  memoryModel: "sparse-extreme",
  pages: [
    { pfn: 64, kind: "anon", count: 64 },
    { pfn: 256, kind: "free", order: 6 },
    { pfn: 128, kind: "cache", count: 64 },
  ],
};

/** The files of a format, below `folder`; written when first asked for. */
export class Inputs {
  readonly #folder: string;
  readonly #made = new Map<InputFormat, readonly string[]>();
  readonly #kernel: ReturnType<typeof buildKernel>;

  constructor(folder: string, kernel: KernelOptions = LARGE) {
    this.#folder = folder;
    this.#kernel = buildKernel(kernel);
    mkdirSync(folder, { recursive: true });
  }

  of(format: InputFormat): readonly string[] {
    const known = this.#made.get(format);
    if (known !== undefined) return known;
    const paths = this.#bytes(format).map((bytes, i) => {
      const path = join(this.#folder, `${i}.${format}`);
      writeFileSync(path, bytes);
      return path;
    });
    this.#made.set(format, paths);
    return paths;
  }

  #bytes(format: InputFormat): readonly Uint8Array[] {
    const elf = () => toElf(this.#kernel);
    const kdump = () => toKdump(this.#kernel, { codec: (pfn) => (pfn % 2 === 0 ? "raw" : "zlib") });
    const pack = (how: string, bytes: Uint8Array) => [(packers[how] as (data: Uint8Array) => Buffer)(bytes)];
    switch (format) {
      case "sample":
        return [sampleDump()];
      case "elf":
        return [elf()];
      case "kdump":
        return [kdump()];
      case "kdump-raw":
      case "kdump-lzo":
      case "kdump-snappy":
      case "kdump-zstd": {
        const codec = format.slice("kdump-".length) as PageCodec;
        return [toKdump(this.#kernel, { codec: () => codec })];
      }
      case "flattened":
        return [flatten(kdump(), { recordSize: 20_000 })];
      case "split":
        return [
          [0, 2000],
          [2000, 6144],
        ].map(([startPfn = 0, endPfn = 0]) =>
          toKdump(this.#kernel, { codec: () => "zlib", split: { startPfn, endPfn } }),
        );
      case "lime":
        return [buildLime(ramOf(this.of("elf")[0] as string))];
      case "avml":
        return [buildAvml(ramOf(this.of("elf")[0] as string))];
      case "elf.gz":
        return pack("gzip", elf());
      case "elf.tar.gz":
        return pack("gzip", inTar("crash/vmcore", elf()));
      case "kdump.zst":
        return pack("zstd", kdump());
      case "flat.lz4":
        return pack("lz4", flatten(elf(), { recordSize: 50_000 }));
    }
  }
}

/** A tar archive (ustar) of one file. */
function inTar(name: string, bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(512);
  head.write(name, 0);
  head.write("0000600\x000000000\x000000000\x00", 100, "latin1");
  head.write(`${bytes.length.toString(8).padStart(11, "0")}\x0000000000000\x00        0`, 124, "latin1");
  head.write("ustar\x0000", 257, "latin1");
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\x00 `, 148, "latin1");
  return Buffer.concat([head, bytes, Buffer.alloc(1024 + ((512 - (bytes.length % 512)) % 512))]);
}
