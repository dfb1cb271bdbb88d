import type { Transform } from "node:stream";
import type { Packer, Put } from "./packer.js";

/** Makes a packer from one of Node's streams. */
export function packThrough(transform: Transform, put: Put): Packer {
  let failure: unknown;
  // Errors are reported by `pump` and by the writes.
  transform.on("error", () => undefined);
  const pump = async () => {
    for await (const chunk of transform) {
      try {
        await put(chunk as Uint8Array);
      } catch (error) {
        failure = error;
        throw error;
      }
    }
  };
  const pumped = pump();
  pumped.catch(() => undefined);
  return {
    write(bytes) {
      return new Promise((resolve, reject) => {
        transform.write(bytes, (error) => (error == null ? resolve() : reject(failure ?? error)));
      });
    },
    async end() {
      transform.end();
      await pumped;
    },
    abort: () => void transform.destroy(),
  };
}
