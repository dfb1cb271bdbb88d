/**
 * URL of a file of the build output, seen from any module of this package: compiled (dist/...), bundled (the command
 * line and the worker), or TypeScript source under vitest (src/...), for which it is taken from dist all the same:
 * worker threads cannot run TypeScript on every Node.
 */
export function distUrl(path: string, importMetaUrl: string): URL {
  const end = Math.max(importMetaUrl.lastIndexOf("/src/"), importMetaUrl.lastIndexOf("/dist/"));
  return new URL(`${importMetaUrl.slice(0, end)}/dist/${path}`);
}
