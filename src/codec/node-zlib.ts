/** Node's zlib, loaded at the first call: loading takes 2 ms in each thread, and most runs do not need it. */
export function zlib(): typeof import("node:zlib") {
  return process.getBuiltinModule("node:zlib");
}
