/** A small built kernel as a file of each format. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { flatten } from "../../test/support/flattened-image.js";
import { toElf, toKdump } from "../../test/support/kernel-dump.js";
import { buildKernel, MiB } from "../../test/support/kernel-image.js";
import { packers } from "../../test/support/packed.js";
import { buildAvml, buildLime, ramOf } from "../../test/support/raw-image.js";
import type { Format } from "./fault-case.js";

/** The files of a format, below `folder`; written when first asked for. */
export class Inputs {
  readonly #folder: string;
  readonly #made = new Map<Format, readonly string[]>();
  readonly #kernel = buildKernel({
    memory: 24 * MiB,
    memoryModel: "sparse-extreme",
    pages: [
      { pfn: 64, kind: "anon", count: 64 },
      { pfn: 256, kind: "free", order: 6 },
      { pfn: 512, kind: "cache", count: 64 },
      { pfn: 1024, kind: "anon", count: 2000 },
    ],
  });

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  of(format: Format): readonly string[] {
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

  #bytes(format: Format): readonly Uint8Array[] {
    const elf = () => toElf(this.#kernel);
    const kdump = () => toKdump(this.#kernel, { codec: (pfn) => (pfn % 2 === 0 ? "raw" : "zlib") });
    const pack = (how: string, bytes: Uint8Array) => [(packers[how] as (data: Uint8Array) => Buffer)(bytes)];
    switch (format) {
      case "elf":
        return [elf()];
      case "kdump":
        return [kdump()];
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
      case "kdump.zst":
        return pack("zstd", kdump());
      case "flat.lz4":
        return pack("lz4", flatten(elf(), { recordSize: 50_000 }));
    }
  }
}
