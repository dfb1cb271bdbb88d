/** Node's zlib, loaded with the first call: that takes 2 ms in each thread, and most runs do without. */
export function zlib(): typeof import("node:zlib") {
  return process.getBuiltinModule("node:zlib");
}
