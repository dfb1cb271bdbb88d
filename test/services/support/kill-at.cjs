/**
 * Preloaded into a worker by tests: kills it, as SIGKILL does, in the middle of its work. CORESIEVE_TEST_KILL is "before" or "after", a
 * call of the file system, and a part of the name that it is called with: "after rename shard-0001.size".
 */
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");

const [when, call, part] = process.env.CORESIEVE_TEST_KILL.split(" ");
const isMeant = (args) => args.some((arg) => typeof arg === "string" && arg.includes(part));
const die = () => process.kill(process.pid, "SIGKILL");

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
