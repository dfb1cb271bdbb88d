import type { Packing } from "../../reader/source/packed/packing.js";
import type { ByteTarget } from "../byte-target.js";
import { createPacker } from "./create-packer.js";

/** A target whose bytes are packed on their way. Throws `CODEC_MISSING`. */
export function packedTarget(target: ByteTarget, packing: Packing): ByteTarget {
  const packer = createPacker(packing, (bytes) => target.write(bytes));
  // A packer accepts one piece at a time.
  let last: Promise<void> = Promise.resolve();
  return {
    name: target.name,
    write(bytes) {
      last = last.then(() => packer.write(bytes));
      return last;
    },
    async finish() {
      await last;
      await packer.end();
      return target.finish();
    },
    async abort() {
      packer.abort();
      await target.abort();
    },
    leftBehind: () => target.leftBehind?.(),
  };
}
