import nodePath from "node:path";
import { isStorePath } from "../store/store-url.js";

/** What differs between systems: node:path, or for tests its posix or win32. */
type PathRules = Pick<nodePath.PlatformPath, "sep" | "resolve">;

/** Whether a name ends as a folder's does. Windows takes both slashes. */
export function namesFolder(path: string, { sep }: PathRules = nodePath): boolean {
  return path.endsWith("/") || path.endsWith(sep);
}

/** Whether two names lead to one file, as far as names tell. Windows and macOS do not tell large letters from small ones. */
export function samePath(
  a: string,
  b: string,
  { resolve }: PathRules = nodePath,
  system: NodeJS.Platform = process.platform,
): boolean {
  // Keys of objects are taken as they stand.
  if (isStorePath(a) || isStorePath(b)) return a === b;
  const plain = (path: string) =>
    system === "win32" || system === "darwin" ? resolve(path).toLowerCase() : resolve(path);
  return plain(a) === plain(b);
}
