/**
 * `--privacy strict` and `--privacy=strict` in the words of the options: `--privacy` is a flag, and a word behind it is a file's name but for this
 * one. A dump of that name is `./strict`.
 */
export function privacyWords(argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((word) => word === "--privacy" || word === "--privacy=strict");
  const end = argv.indexOf("--");
  if (at < 0 || (end >= 0 && at > end)) return argv;
  const isNext = argv[at] === "--privacy" && argv[at + 1] === "strict";
  if (argv[at] === "--privacy" && !isNext) return argv;
  return [...argv.slice(0, at), "--privacy-strict", ...argv.slice(isNext ? at + 2 : at + 1)];
}
