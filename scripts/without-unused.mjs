// What bundles leave out of packages.

// What yargs has and we do not use: the layout of its help, for we have our own (its tables take 50 ms to load), the settings
// that it takes from the package.json of the folder it is called in, and its checks of our calls of it, which types check.
const leftOut = (name) => `export default () => { throw new Error("${name} is left out of this bundle"); }`;
const OF_YARGS = [
  ["cliui", leftOut("cliui")],
  ["string-width", leftOut("string-width")],
  ["escalade/sync", "export default () => undefined;"],
  ["./argsert.js", "export function argsert() {}"],
];
// Piscina asserts little, and Node's own takes 2 ms to load.
const OF_PISCINA = [
  "node:assert",
  'export default function assert(ok) { if (!ok) throw new Error("an assertion of piscina failed"); }\n' +
    "assert.notStrictEqual = (one, other) => assert(one !== other);",
];

/** The plugin of rolldown. `assert`: node:assert is for no other package than piscina. */
export function withoutUnused({ assert }) {
  const modules = new Map(assert ? [...OF_YARGS, OF_PISCINA] : OF_YARGS);
  return {
    name: "without-unused",
    resolveId: (id) => (modules.has(id) ? `\0${id}` : undefined),
    load: (id) => modules.get(id.slice(1)),
  };
}
