/**
 * Turns `--privacy strict` and `--privacy=strict` into words that the options understand: `--privacy` is a flag, and
 * the word after it is a file's name, except this one. A dump with that name must be written `./strict`.
 */
export function privacyWords(argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((word) => word === "--privacy" || word === "--privacy=strict");
  const end = argv.indexOf("--");
  if (at < 0 || (end >= 0 && at > end)) return argv;
  const isNext = argv[at] === "--privacy" && argv[at + 1] === "strict";
  if (argv[at] === "--privacy" && !isNext) return argv;
  return [...argv.slice(0, at), "--privacy-strict", ...argv.slice(isNext ? at + 2 : at + 1)];
}
