import { zlib } from "../../codec/node-zlib.js";
import { packThrough } from "./pack-through.js";
import type { Packer, Put } from "./packer.js";

/** gzip's own default. */
const LEVEL = 6;

/** Makes one member of a gzip file. zlib runs in a thread of libuv's pool. */
export function packGzip(put: Put): Packer {
  return packThrough(zlib().createGzip({ level: LEVEL, chunkSize: 65536 }), put);
}
