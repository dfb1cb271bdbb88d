/**
 * Preloaded into the program (and its threads) by tests: makes a file look as if it were in /proc, as /proc/vmcore is, and writes down what is
 * read of it. CORESIEVE_TEST_LIVE is JSON: { file, log }; each line of the log is the offset and the length of a read.
 */
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");

const { file, log } = JSON.parse(process.env.CORESIEVE_TEST_LIVE);
const { fstatSync, statfsSync, readSync, readlinkSync } = fs;
const out = fs.openSync(log, "a");
const isIt = (fd) => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === file;
  } catch {
    return false;
  }
};
// Files of /proc are on no device.
fs.fstatSync = (fd, ...rest) => {
  const stat = fstatSync(fd, ...rest);
  return isIt(fd) && typeof stat.dev === "number" ? Object.assign(stat, { dev: 5 }) : stat;
};
fs.statfsSync = (path, ...rest) => {
  const found = statfsSync(path, ...rest);
  const fd = /^\/proc\/self\/fd\/(\d+)$/.exec(path)?.[1];
  return fd !== undefined && isIt(Number(fd)) ? Object.assign(found, { type: 0x9fa0 }) : found;
};
fs.readSync = (fd, into, at, length, position) => {
  const n = readSync(fd, into, at, length, position);
  if (typeof position === "number" && isIt(fd)) fs.writeSync(out, `${position} ${n}\n`);
  return n;
};
syncBuiltinESMExports();
