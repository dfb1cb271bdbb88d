import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The part of node:sea in use: Node 20.19 has the module, its types do not know all of it. */
interface SingleExecutable {
  isSea(): boolean;
  getRawAsset(name: string): ArrayBuffer;
}

/** Where a thread's script is: a path, or, in the single executable, its text (`eval`). */
export interface ThreadScript {
  readonly script: string;
  readonly eval: boolean;
}

/** Whether this is the single executable (scripts/build-single.mjs): the program's files are in it, and npm's packages cannot be loaded. */
export function isSingleExecutable(): boolean {
  return singleExecutable() !== undefined;
}

/**
 * URL of a file of the build output, seen from any module of this package: compiled (dist/...), bundled (the command
 * line and the worker), or TypeScript source under vitest (src/...), for which it is taken from dist all the same:
 * worker threads cannot run TypeScript on every Node.
 */
export function distUrl(path: string, importMetaUrl: string): URL {
  const end = Math.max(importMetaUrl.lastIndexOf("/src/"), importMetaUrl.lastIndexOf("/dist/"));
  return new URL(`${importMetaUrl.slice(0, end)}/dist/${path}`);
}

/** Bytes of a file of the build output. They may not be written to. Throws system errors. */
export function programFile(path: string, importMetaUrl: string): Uint8Array {
  const single = singleExecutable();
  return single === undefined ? readFileSync(distUrl(path, importMetaUrl)) : new Uint8Array(single.getRawAsset(path));
}

/** The script of a thread, by its path in the build output. Throws system errors. */
export function threadScript(path: string, importMetaUrl: string): ThreadScript {
  if (!isSingleExecutable()) return { script: fileURLToPath(distUrl(path, importMetaUrl)), eval: false };
  return { script: Buffer.from(programFile(path, importMetaUrl)).toString("utf8"), eval: true };
}

function singleExecutable(): SingleExecutable | undefined {
  const sea = process.getBuiltinModule("node:sea") as unknown as SingleExecutable | undefined;
  return sea?.isSea() === true ? sea : undefined;
}
