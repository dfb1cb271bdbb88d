/**
 * Preloaded into a worker by tests: kills it, as SIGKILL does, in the middle of its work. CORESIEVE_TEST_KILL is "before" or "after", a
 * call of the file system, and a part of the name that it is called with: "after rename shard-0001.size". CORESIEVE_TEST_SIGNAL: another
 * signal than SIGKILL. It comes once.
 */
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");

const [when, call, part] = process.env.CORESIEVE_TEST_KILL.split(" ");
const isMeant = (args) => args.some((arg) => typeof arg === "string" && arg.includes(part));
let done = false;
const die = () => {
  if (!done) process.kill(process.pid, process.env.CORESIEVE_TEST_SIGNAL ?? "SIGKILL");
  done = true;
};

const promised = fs.promises[call];
if (promised !== undefined) {
  fs.promises[call] = async (...args) => {
    if (when === "before" && isMeant(args)) die();
    const result = await promised(...args);
    if (when === "after" && isMeant(args)) die();
    return result;
  };
}
const sync = fs[`${call}Sync`];
fs[`${call}Sync`] = (...args) => {
  if (when === "before" && isMeant(args)) die();
  const result = sync(...args);
  if (when === "after" && isMeant(args)) die();
  return result;
};
syncBuiltinESMExports();
