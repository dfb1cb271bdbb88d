import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire, Module } from "node:module";
import { basename, dirname, isAbsolute, join } from "node:path";
import { Script } from "node:vm";

// V8 compiles a program anew each time it is started: of a filter run of 5 GiB that was a tenth of the time. What it has made of our bundles is kept
// from run to run, as browsers do, and Node from 22 on for who asks. Nothing depends on it: where it cannot be read or written, nothing is said.

/** What the build writes here instead: a digest of all bundles. Without it, as in the sources, nothing is kept. */
const BUILD = "@BUILD@";
/** Files that nobody has written for so long are removed when one is written: of versions that are gone. */
const KEPT_MS = 90 * 24 * 3600 * 1000;
/** What Node puts around the text of a CommonJS module. */
const HEAD = "(function (exports, require, module, __filename, __dirname) { ";
const TAIL = "\n})";

/** Bundles that V8 has compiled in this thread without help, and where that is to be kept. */
const compiled: { readonly script: Script; readonly path: string; readonly label: Buffer }[] = [];

/**
 * The folder of the cache: of the user alone, where each system has such things. `undefined` where the environment does not tell, or where the
 * user wants none: NODE_DISABLE_COMPILE_CACHE is Node's own word for it. V8 takes nothing that was made under other settings, so with such none is used.
 */
export function codeCacheFolder(env: NodeJS.ProcessEnv = process.env, platform = process.platform): string | undefined {
  if (env["NODE_DISABLE_COMPILE_CACHE"] || env["NODE_OPTIONS"] || env["NODE_V8_COVERAGE"]) return undefined;
  const { HOME, LOCALAPPDATA, XDG_CACHE_HOME } = env;
  let base: string | undefined;
  if (platform === "win32") base = LOCALAPPDATA;
  else if (platform === "darwin") base = HOME && join(HOME, "Library", "Caches");
  else base = XDG_CACHE_HOME || (HOME && join(HOME, ".cache"));
  return base && isAbsolute(base) ? join(base, "coresieve") : undefined;
}

/**
 * From now on the bundles beside `from` that this thread loads are taken from the cache, where they are in it. What is in it is code that will be
 * run: so it is read only from files of this user that nobody else can write.
 */
export function useCodeCache(from: string): void {
  const folder = codeCacheFolder();
  if (folder === undefined || BUILD.startsWith("@") || process.execArgv.length > 0) return;
  const ours = dirname(from);
  const modules = Module.prototype as unknown as { _compile(text: string, path: string, ...more: unknown[]): unknown };
  const plain = modules._compile;
  modules._compile = function (this: NodeJS.Module, text, path, ...more) {
    const run = dirname(path) === ours ? compileCached(folder, text, path) : undefined;
    if (run === undefined) return plain.call(this, text, path, ...more);
    return run.call(this.exports, this.exports, createRequire(path), this, path, ours);
  };
}

type Wrapped = (
  this: unknown,
  exports: unknown,
  require: NodeJS.Require,
  module: unknown,
  path: string,
  folder: string,
) => unknown;

function compileCached(folder: string, text: string, path: string): Wrapped | undefined {
  try {
    // Of a script made like this Node warns when it imports a module.
    if (text.includes("import(")) return undefined;
    const { size, mtimeMs } = statSync(path);
    const label = Buffer.from(`coresieve ${BUILD} ${size} ${mtimeMs} ${process.versions.v8} ${process.arch} ${path}\n`);
    const file = join(folder, `${basename(path)}.${shortHash(path)}.${process.versions.v8}`);
    const cachedData = readCached(file, label);
    const script = new Script(HEAD + text + TAIL, {
      filename: path,
      columnOffset: -HEAD.length,
      ...(cachedData === undefined ? {} : { cachedData }),
    });
    if (cachedData === undefined || script.cachedDataRejected) compiled.push({ script, path: file, label });
    return script.runInThisContext() as Wrapped;
  } catch {
    return undefined;
  }
}

/** What is in a file of the cache behind its label; `undefined` for one that is not there, another's, or of something else. */
function readCached(path: string, label: Buffer): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    if (!isPrivate(fstatSync(file))) return undefined;
    const bytes = readFileSync(file);
    return bytes.subarray(0, label.length).equals(label) ? bytes.subarray(label.length) : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** On Windows the folder is the user's by its place. */
function isPrivate({ uid, mode }: Stats): boolean {
  return process.geteuid === undefined || (uid === process.geteuid() && (mode & 0o022) === 0);
}

/** Keeps what was compiled in this thread and in one of `threads`, after a run that had some, if anything is new here. */
export async function keepCode(threads: { saveCode(): Promise<void> } | undefined): Promise<void> {
  if (threads === undefined || compiled.length === 0) return;
  // The run is over and has succeeded: threads that are gone by now do not matter.
  await threads.saveCode().catch(() => undefined);
  saveCode();
}

/**
 * Keeps what was compiled in this thread so far: best when it has done its work once. Takes 10 ms. A file is there whole or not at all, and
 * nothing is written in a folder that is not this user's, as root's would be in the home of who called sudo.
 */
export function saveCode(): void {
  const folder = codeCacheFolder();
  if (folder === undefined || compiled.length === 0) return;
  try {
    if (!isOwn(folder)) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isPrivate(lstatSync(folder)) || !lstatSync(folder).isDirectory()) return;
    for (const { script, path, label } of compiled.splice(0)) {
      const part = `${path}.${process.pid}.part`;
      try {
        writeFileSync(part, Buffer.concat([label, script.createCachedData()]), { flag: "wx", mode: 0o600 });
        renameSync(part, path);
      } catch {
        rmSync(part, { force: true });
      }
    }
    removeOld(folder);
  } catch {
    // The next run is as slow as this one.
  }
}

/** Whether a folder, or the nearest one above it that is there, is this user's. */
function isOwn(folder: string): boolean {
  if (process.geteuid === undefined) return true;
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return dirname(folder) !== folder && isOwn(dirname(folder));
  return found.uid === process.geteuid();
}

function removeOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (Date.now() - lstatSync(path).mtimeMs > KEPT_MS) rmSync(path, { force: true });
  }
}

/** Tells the places of several installations apart (FNV-1a). */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
