import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The part of node:sea that is used. Node 20.19 has the module, but its types lack some of it. */
interface SingleExecutable {
  isSea(): boolean;
  getRawAsset(name: string): ArrayBuffer;
}

/** A thread's script: a path, or, in the single executable, its text (`eval`). */
export interface ThreadScript {
  readonly script: string;
  readonly eval: boolean;
}

/**
 * Whether this is the single executable (scripts/build-single.mjs): it contains the program's files, and comes without
 * npm's packages.
 */
export function isSingleExecutable(): boolean {
  return singleExecutable() !== undefined;
}

/**
 * URL of a file of the build output, from any module of this package: compiled (dist/...), bundled (the command line
 * and the worker), or TypeScript source under vitest (src/...). Also from sources it is the file in dist, because
 * worker threads cannot run TypeScript on every Node.
 */
export function distUrl(path: string, importMetaUrl: string): URL {
  const end = Math.max(importMetaUrl.lastIndexOf("/src/"), importMetaUrl.lastIndexOf("/dist/"));
  return new URL(`${importMetaUrl.slice(0, end)}/dist/${path}`);
}

/** Bytes of a file of the build output. Do not write to them. Throws system errors. */
export function programFile(path: string, importMetaUrl: string): Uint8Array {
  const single = singleExecutable();
  return single === undefined ? readFileSync(distUrl(path, importMetaUrl)) : new Uint8Array(single.getRawAsset(path));
}

/** The script of a thread, given its path in the build output. Throws system errors. */
export function threadScript(path: string, importMetaUrl: string): ThreadScript {
  if (!isSingleExecutable()) return { script: fileURLToPath(distUrl(path, importMetaUrl)), eval: false };
  return { script: Buffer.from(programFile(path, importMetaUrl)).toString("utf8"), eval: true };
}

function singleExecutable(): SingleExecutable | undefined {
  const sea = process.getBuiltinModule("node:sea") as unknown as SingleExecutable | undefined;
  return sea?.isSea() === true ? sea : undefined;
}
