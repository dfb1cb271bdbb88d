import { closeSync } from "node:fs";
import { DumpError } from "../../errors.js";
import { handleOf, type RemoteObject } from "../../store/remote-object.js";
import { remoteSource } from "../../store/remote-source.js";
import { isStorePath } from "../../store/store-url.js";
import { type ByteSource, type FileHandle, fileSource, openFile } from "./byte-source.js";
import { closeOnce } from "./source-image.js";

/** A file beside the dump (a vmlinux, rules, a text), open for reading. */
export interface SideFile {
  readonly source: ByteSource;
  close(): void;
}

/** Objects that were asked for ahead, by their paths: asking a store takes an asynchronous call, and side files are opened by synchronous ones. */
const held = new Map<string, { readonly remote: RemoteObject; users: number }>();

/**
 * Opens an object of a store, so that this thread can open it as a side file until what is returned is called. What is no object is left
 * alone. Throws what `openObject` does.
 */
export async function holdObject(path: string): Promise<() => void> {
  if (!isStorePath(path)) return () => undefined;
  const { openObject } = await import("../../store/open-object.js");
  const remote = await openObject(path);
  // Another run may have opened it meanwhile.
  const mine = held.get(path) ?? { remote, users: 0 };
  if (mine.remote !== remote) handleOf(remote)?.close();
  held.set(path, mine);
  mine.users++;
  return () => {
    if (--mine.users > 0) return;
    held.delete(path);
    handleOf(mine.remote)?.close();
  };
}

/** Files that were opened ahead, by names that no file can have. */
const heldFiles = new Map<string, FileHandle>();
let nextFile = 0;

/**
 * Lets this thread open a file that is open already as a side file, under the name that is returned: its path may lead to another file by now.
 * `letGo` closes it.
 */
export function holdFile(file: FileHandle): { readonly name: string; letGo(): void } {
  const name = `${file.path}\0${nextFile++}`;
  heldFiles.set(name, file);
  return {
    name,
    letGo() {
      if (heldFiles.delete(name)) closeSync(file.fd);
    },
  };
}

/** Opens a side file. Throws `NOT_READABLE`, and `BAD_OPTION` for an object that nobody holds. */
export function openSideFile(path: string): SideFile {
  const remote = held.get(path)?.remote;
  // Reads go through the cache of all objects; it is closed by whoever holds it.
  if (remote !== undefined) return { source: remoteSource(remote), close: () => undefined };
  const opened = heldFiles.get(path);
  if (opened !== undefined) return { source: fileSource(opened), close: () => undefined };
  if (isStorePath(path)) {
    throw new DumpError("BAD_OPTION", "is an object of a store, and a file is needed here", {
      file: path,
      cure: "Fetch it to a file, and name that",
    });
  }
  const file = openFile(path);
  return { source: fileSource(file), close: closeOnce([{ file, flattened: undefined }]) };
}
