/**
 * How messages name an option. A cure names what its reader can use: `--salvage` on the command line, `salvage: true`
 * in the library. So a text has both, as one piece made by `either`, until the thread that shows it makes an error or a
 * warning of it.
 */

/** Whose words a thread uses. "both": the thread only sends its errors to another one. */
type Words = "library" | "commandLine" | "both";

/**
 * Who reads the messages of this thread: a program's author, or a person at a terminal. It is not a setting of a run:
 * the command line and the threads set it once at their start.
 */
let words: Words = "library";

/** Sets whose words the messages of this thread use from now on. */
export function speakAs(whose: Words): void {
  words = whose;
}

// Private-use characters, which no name and no dump contains; a text that did contain one would lose a part.
const [BEGIN, BETWEEN, END] = ["\ue0c0", "\ue0c1", "\ue0c2"];
const EITHER = new RegExp(`${BEGIN}([^${BEGIN}${END}]*)${BETWEEN}([^${BEGIN}${END}]*)${END}`, "g");

/** A part of a message that differs between the command line and the library. */
export function either(commandLine: string, library: string): string {
  return `${BEGIN}${commandLine}${BETWEEN}${library}${END}`;
}

/** A text in the words of its reader. */
export function inWords(text: string): string {
  if (words === "both" || !text.includes(BEGIN)) return text;
  return text.replace(EITHER, words === "library" ? "$2" : "$1");
}

/** A command that writes the dump to its output. */
export function piped(command: string): string {
  return either(`\`${command} | coresieve - OUT\``, `give openInput the stdout of \`${command}\``);
}

/** The level of a run. */
export function levelWords(level: number): string {
  return either(`--level ${level}`, `\`level: ${level}\``);
}

/**
 * A file or folder that the caller did not name: the system's folder of temporary files, or a link's target. A person
 * at a terminal needs its path. A program may show its errors to strangers, who must not learn about places on its
 * machine: there it is called `what`.
 */
export function unnamedPlace(path: string, what: string): string {
  return inWords(either(path, what));
}

/** Absolute paths of Unix and Windows, and URLs of files, with at least two parts. */
const PLACES = /(?:file:\/\/|(?<![\w./-]))(?:\/|[A-Za-z]:[\\/])(?:[^\s/\\'"`:,()]+[\\/])+([^\s/\\'"`:,()]+)/g;

/** Anything that a program may throw, in words: what cannot be put into words has its type. */
export function thrownText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `a value of type ${typeof value}`;
  }
}

/** A message of Node or a module, which may contain paths; programs only get the files' names. */
export function foreignReason(error: unknown): string {
  const text = error instanceof Error ? error.message : thrownText(error);
  return inWords(either(text, text.replaceAll(PLACES, "$1")));
}

/** Options, as messages name them. */
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
