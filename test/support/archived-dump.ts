import { noiseBytes, patternBytes } from "./bytes.js";
import { buildElf } from "./elf-image.js";

/** The dump in every file of test/fixtures/packed/: text, noise, zeros (holes of the sparse archives) and runs of equal bytes. */
export function archivedDump(): Uint8Array {
  const runs = Buffer.concat(Array.from({ length: 300 }, (_, i) => Buffer.alloc(i, i & 0xff)));
  return buildElf({
    alignData: 4096,
    loads: [
      { paddr: 0, data: patternBytes("archived ", 16_384) },
      { paddr: 0x10_0000, data: Buffer.concat([noiseBytes(3, 2000), Buffer.alloc(60_000), noiseBytes(4, 1000), runs]) },
      { paddr: 0x40_0000, data: Buffer.concat([Buffer.alloc(40_960), patternBytes("end", 8192)]) },
    ],
  });
}
