import nodePath from "node:path";
import { isStorePath } from "../store/store-url.js";

/** Rules for paths, which differ between systems: node:path, or in tests its posix or win32. */
type PathRules = Pick<nodePath.PlatformPath, "sep" | "resolve">;

/** Whether a name ends like that of a folder. Windows accepts both slashes. */
export function namesFolder(path: string, { sep }: PathRules = nodePath): boolean {
  return path.endsWith("/") || path.endsWith(sep);
}

/** Whether two names lead to the same file, as far as names show that. Windows and macOS ignore case. */
export function samePath(
  a: string,
  b: string,
  { resolve }: PathRules = nodePath,
  system: NodeJS.Platform = process.platform,
): boolean {
  // Keys of objects are compared exactly.
  if (isStorePath(a) || isStorePath(b)) return a === b;
  const plain = (path: string) =>
    system === "win32" || system === "darwin" ? resolve(path).toLowerCase() : resolve(path);
  return plain(a) === plain(b);
}
