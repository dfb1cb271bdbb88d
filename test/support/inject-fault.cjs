/**
 * Preloaded into the program (and its threads) by tests: makes calls of the file system fail, come short or do nothing, and
 * threads die. CORESIEVE_TEST_FAULT is JSON: { call, after, what, thread, times, output }; `output`:
 * only calls for a file that was created exclusively. `call` "memory": nothing shared, and no memory
 * of WebAssembly, that is larger than `after` bytes can be had. CORESIEVE_TEST_FAULT_HITS names a file that gets a byte each time.
 */
const fs = require("node:fs");
const { isMainThread } = require("node:worker_threads");
const { syncBuiltinESMExports } = require("node:module");

const {
  call,
  after = 0,
  what,
  thread,
  times = Number.POSITIVE_INFINITY,
  output = false,
} = JSON.parse(process.env.CORESIEVE_TEST_FAULT);

const { openSync, writeSync } = fs;
const hits = process.env.CORESIEVE_TEST_FAULT_HITS;
const noted = hits === undefined ? undefined : openSync(hits, "a");
function note() {
  if (noted !== undefined) writeSync(noted, ".");
}

const actions = {
  short: (original, args) => original(...args.slice(0, 3), Math.min(args[3], 1000), args[4]),
  nothing: () => 0,
  exit: () => process.exit(7),
  uncaught(original, args) {
    setImmediate(() => {
      throw new Error("injected: nobody catches this");
    });
    return original(...args);
  },
  mistake() {
    throw new TypeError("injected: nothing is\n  undefined");
  },
  memory() {
    const hold = [];
    for (;;) hold.push(new Array(1e6).fill(hold.length));
  },
};

const isCreation = (args) => String(args[1]).startsWith("wx");

if (thread === undefined || (thread === "main") === isMainThread) {
  const created = new Set();
  const open = fs.openSync;
  fs.openSync = (...args) => {
    const fd = open(...args);
    if (isCreation(args)) created.add(fd);
    return fd;
  };
  if (call === "memory") {
    const Original = globalThis.SharedArrayBuffer;
    globalThis.SharedArrayBuffer = class extends Original {
      constructor(length, ...rest) {
        if (length > after) note();
        if (length > after && what === "mistake") actions.mistake();
        if (length > after) throw new RangeError("Array buffer allocation failed");
        super(length, ...rest);
      }
    };
    const { Memory } = WebAssembly;
    WebAssembly.Memory = class extends Memory {
      constructor(descriptor) {
        if (descriptor.initial * 65536 > after) {
          note();
          throw new RangeError("WebAssembly.Memory(): could not allocate memory");
        }
        super(descriptor);
      }
    };
  }
  const original = fs[call];
  let calls = 0;
  let done = 0;
  if (original !== undefined)
    fs[call] = (...args) => {
      // Files that Node reads whole are the program's own.
      if (call === "readSync" && typeof args[4] !== "number") return original(...args);
      if (output && !(call === "openSync" ? isCreation(args) : created.has(args[0]))) return original(...args);
      if (calls++ < after || done >= times) return original(...args);
      done++;
      note();
      if (actions[what] !== undefined) return actions[what](original, args);
      throw Object.assign(new Error(`${what}: injected`), { code: what, syscall: call });
    };
  syncBuiltinESMExports();
}
