/**
 * Preloaded into the program by tests: does something right before or after a call of the file system. CORESIEVE_TEST_AT is JSON:
 * { call, if, before, after }. `if` is an expression, `before` and `after` are statements; they see `fs` (calls as they are), `args`, and
 * `swap(path)`, which moves a file away and puts another in its place. Each is done once.
 */
const fs = require("node:fs");
const { isMainThread } = require("node:worker_threads");
const { syncBuiltinESMExports } = require("node:module");

if (isMainThread) {
  const at = JSON.parse(process.env.CORESIEVE_TEST_AT);
  const plain = { ...fs };
  const swap = (path) => {
    plain.renameSync(path, `${path}.moved`);
    plain.writeFileSync(path, "an intruder's");
  };
  const code = (text) => new Function("fs", "args", "swap", text);
  const condition = code(`return ${at.if ?? "true"}`);
  const before = code(at.before ?? "");
  const after = code(at.after ?? "");
  let done = false;
  const original = fs[at.call];
  fs[at.call] = (...args) => {
    if (done || !condition(plain, args, swap)) return original(...args);
    done = true;
    before(plain, args, swap);
    const result = original(...args);
    after(plain, args, swap);
    return result;
  };
  syncBuiltinESMExports();
}
