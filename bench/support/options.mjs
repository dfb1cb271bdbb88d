// What the programs of bench/ share of their command lines: --help, and a word about anything else that is wrong.
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";

/** Kinds of options. Each has `type` and `default` as parseArgs wants them, and `read(text)`, undefined for what is wrong. */
export const flag = () => ({ type: "boolean", default: false, read: (value) => value });
export const text = (usual) => ({
  type: "string",
  ...(usual !== undefined && { default: usual }),
  read: (value) => value,
});
export const number = (usual, least, most) => ({
  type: "string",
  default: String(usual),
  wants: `a number from ${least} to ${most}`,
  read: (value) => (/^\d+(\.\d+)?$/.test(value) && value >= least && value <= most ? Number(value) : undefined),
});
export const whole = (usual, least, most = Number.MAX_SAFE_INTEGER) => ({
  ...number(usual, least, most),
  wants: most < Number.MAX_SAFE_INTEGER ? `a whole number from ${least} to ${most}` : `a whole number from ${least} on`,
  read: (value) => (/^\d+$/.test(value) && value >= least && value <= most ? Number(value) : undefined),
});
export const oneOf = (usual, words) => ({
  type: "string",
  default: usual,
  wants: `one of ${words.join(", ")}`,
  read: (value) => (words.includes(value) ? value : undefined),
});
/** Several of another kind, with commas between. */
export const list = (usual, of) => ({
  type: "string",
  default: usual,
  wants: `a list of ${of.wants ?? "words"}`,
  read(value) {
    const found = value.split(",").map((one) => of.read(one));
    return found.includes(undefined) ? undefined : found;
  },
});

export const CODECS = ["none", "zlib", "lzo", "snappy", "zstd"];

/**
 * Reads the command line of a program whose help text begins with how it is called. `files` is the least and the most
 * number of files it takes, which must exist unless
 * `made` says that they are made. Prints the help for --help, and ends with status 2 when something is wrong.
 */
export function readOptions(help, options, [least, most, made] = [0, 0]) {
  const [called] = / bench\/\S+\.mjs/.exec(help);
  const wrong = (what) => {
    console.error(`${what}; node${called} --help`);
    process.exit(2);
  };
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: most > 0,
      options: {
        ...Object.fromEntries(
          Object.entries(options).map(([name, { type, default: usual }]) => [
            name,
            { type, ...(usual !== undefined && { default: usual }) },
          ]),
        ),
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    wrong(error.message.split(". ")[0]);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  if (positionals.length < least) wrong(`which ${most > 1 ? "dumps" : "dump"}?`);
  if (positionals.length > most) wrong(`${positionals[most]}: one too many`);
  for (const file of positionals) if (!made && !existsSync(file)) wrong(`${file}: no such file`);
  const found = {};
  for (const [name, kind] of Object.entries(options)) {
    const value = values[name];
    if (value === undefined) continue;
    found[name] = kind.read(value);
    if (found[name] === undefined) wrong(`--${name} ${value}: not ${kind.wants}`);
  }
  return { values: found, files: positionals };
}
