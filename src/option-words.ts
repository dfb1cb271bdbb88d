/**
 * What messages call an option. A cure names what its reader can give: the command line's user `--salvage`, the library's `salvage: true`. So a
 * text has both, as one piece made by `either`, until an error or a warning is made of it in the thread that shows it.
 */

/** Whose words: of a thread that only sends its errors to another one, both. */
type Words = "library" | "commandLine" | "both";

/**
 * Who reads the messages of this thread, a program's author or a person at a terminal. It is no run's: the command line says it once, before
 * anything else, and so do threads.
 */
let words: Words = "library";

/** Says whose words messages use from now on in this thread. */
export function speakAs(whose: Words): void {
  words = whose;
}

// Characters of private use: no name and no dump has them, and if one had, its text would lose a part.
const [BEGIN, BETWEEN, END] = ["\ue0c0", "\ue0c1", "\ue0c2"];
const EITHER = new RegExp(`${BEGIN}([^${BEGIN}${END}]*)${BETWEEN}([^${BEGIN}${END}]*)${END}`, "g");

/** A piece of a message that users of the command line and of the library need in other words. */
export function either(commandLine: string, library: string): string {
  return `${BEGIN}${commandLine}${BETWEEN}${library}${END}`;
}

/** A text in the words of whoever reads it. */
export function inWords(text: string): string {
  if (words === "both" || !text.includes(BEGIN)) return text;
  return text.replace(EITHER, words === "library" ? "$2" : "$1");
}

/** A command whose output is the dump. */
export function piped(command: string): string {
  return either(`\`${command} | coresieve - OUT\``, `give openInput the stdout of \`${command}\``);
}

/** The level of a run. */
export function levelWords(level: number): string {
  return either(`--level ${level}`, `\`level: ${level}\``);
}

/**
 * A file or folder that the caller did not name: the system's folder of temporary files, what a link leads to. A person at a terminal needs its
 * path; a program may show its errors to strangers, whom places on its machine do not concern: there it is `what`.
 */
export function unnamedPlace(path: string, what: string): string {
  return inWords(either(path, what));
}

/** Absolute paths, of Unix and Windows, and URLs of files: of two parts at least. */
const PLACES = /(?:file:\/\/|(?<![\w./-]))(?:\/|[A-Za-z]:[\\/])(?:[^\s/\\'"`:,()]+[\\/])+([^\s/\\'"`:,()]+)/g;

/** What Node or a module said, which may have paths of its own in it: for programs only the files' names. */
export function foreignReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return inWords(either(text, text.replaceAll(PLACES, "$1")));
}

/** Options that messages name. */
export const OPTION = {
  again: either("`coresieve submit --again`", "`submitRun` with `again: true`"),
  arch: either("--arch", "`machine`"),
  dedupe: either("--dedupe", "`dedupe`"),
  elf: either("-E", '`format: "elf"`'),
  erase: either("--erase", "`erase`"),
  extension: either("--extension", "`extension.path`"),
  fallback: either("-d 1,31", "`fallbackLevels`"),
  format: either("--format", "`format`"),
  force: either("-f", "`force: true`"),
  level31: either("-d 31", "`level: 31`"),
  levelOfPrivacy: either("-d and --exclude", "`level` below 31"),
  levels01: either("`-d 1`, or `--exclude zero`", "`level: 1`"),
  identity: either("--identity FILE", "`identity: FILE`"),
  lzo: either("-l", '`codec: "lzo"`'),
  onFull: either("--on-full", "`onFull`"),
  onFullIncomplete: either("--on-full incomplete", '`onFull: "incomplete"`'),
  original: either("--original", "`original`"),
  packGzip: either("--pack gzip", '`pack: "gzip"`'),
  packNone: either("--pack none, or a name without .zst, .lz4, .gz", "no `pack`"),
  privacy: either("--privacy", "`privacy`"),
  privacyStrict: either("--privacy strict", '`privacy: "strict"`'),
  privacyKeep: either("--privacy-keep", "`privacyKeep`"),
  privacyExtra: either("--privacy-extra", "`privacyExtra`"),
  raw: either("--raw", "`raw`"),
  rawAuto: either("`--raw auto`", '`raw: "auto"`'),
  rawRanges: either("`--raw 0-3G,4G-`", '`raw: parseRawPieces("0-3G,4G-")`'),
  rawZero: either("`--raw 0`", '`raw: parseRawPieces("0")`'),
  redis: either("--redis", "`redis`"),
  salvage: either("--salvage", "`salvage: true`"),
  secrets: either("--secrets", "`secrets`"),
  sizeLimit: either("-L", "`sizeLimit`"),
  snappy: either("-p", '`codec: "snappy"`'),
  smaller: either(
    "drop and compress more: `coresieve estimate DUMP` shows how large it becomes",
    "drop and compress more: `estimateDump` shows how large it becomes",
  ),
  snapshot: either("--snapshot NAME", "`snapshot: NAME`"),
  spoolDir: either("--spool-dir", "`spool.dir`"),
  spoolLimit: either("--spool-limit", "`spool.limit`"),
  stdout: either("with - as OUT, or flattened with -F", "as `output: { stream }`"),
  stdoutOnly: either("stdout: - as OUT, or -F", "a stream: `output: { stream }`"),
  strict: either("--strict", "`strict`"),
  threads: either("--num-threads 1", "`workers: 1`"),
  vmcoreinfo: either("-i FILE", "`vmcoreinfo: { text, name }`"),
  vmcoreinfoAt: either("--vmcoreinfo-at ADDRESS", "`vmcoreinfoAt: ADDRESS`"),
  vmlinux: either("-x FILE", "`vmlinux: FILE`"),
  zlib: either("-c", '`codec: "zlib"`'),
} as const;
