import { closeSync } from "node:fs";
import { DumpError } from "../../errors.js";
import { shownUrl } from "../../shown-address.js";
import { isHttpUrl } from "../../store/http-url.js";
import { handleOf, type RemoteObject } from "../../store/remote-object.js";
import { remoteSource } from "../../store/remote-source.js";
import { isStorePath } from "../../store/store-url.js";
import { type FlattenedIndex, isFlattened, readFlattenedIndex } from "../flattened/records.js";
import { flattenedSource } from "../flattened/source.js";
import { type ByteSource, type FileHandle, fileSource, openFile } from "./byte-source.js";
import { dropSpoolFile } from "./spool/drop-spool.js";
import type { SpoolIndex } from "./spool/spool-index.js";
import { spoolSource } from "./spool/spool-source.js";
import { type FileWindow, windowSource } from "./window-source.js";

/** An input file that the main thread has opened, for reading it in a worker: plain data and shared arrays. */
export interface SourceImage {
  /**
   * For a spooled stream: the stream's name and length, and the spool file's descriptor. An object has no descriptor.
   */
  readonly file: FileHandle;
  readonly flattened: FlattenedIndex | undefined;
  /** Present if the input was a stream or packed, and was spooled. */
  readonly spool?: SpoolIndex;
  /** Present if the input consists of pieces of the file. */
  readonly window?: FileWindow;
  /** Present if the input is an object of a store. */
  readonly remote?: RemoteObject;
}

/** An open input, whatever it contains. */
export type OpenedInput = Pick<SourceImage, "file" | "spool" | "remote">;

/**
 * Opens an input file, and its flattened wrapping if it has one; with `salvage` as far as possible. Throws what
 * `openFile` and `readFlattenedIndex` throw.
 */
export function openSource(path: string, salvage = false, open: (path: string) => FileHandle = openFile): SourceImage {
  if (isStorePath(path)) {
    throw new DumpError("BAD_OPTION", "is an object of a store, and asking a store takes an asynchronous call", {
      file: path,
      cure: "Use openInput instead of openDump",
    });
  }
  if (isHttpUrl(path)) {
    throw new DumpError("BAD_OPTION", "is fetched by HTTP, which takes an asynchronous call", {
      file: shownUrl(path),
      cure: "Use openInput instead of openDump; steps and workers take files and objects of a store",
    });
  }
  const file = open(path);
  try {
    return lookInside({ file }, salvage);
  } catch (error) {
    closeSync(file.fd);
    throw error;
  }
}

/** Closes an input file. stdin stays open: libuv ends the program if another file gets its number and is closed. */
export function closeInput({ fd }: Pick<FileHandle, "fd">): void {
  if (fd !== 0) closeSync(fd);
}

/**
 * Bytes that were really read or stored for inputs. The size that one unpacks to, or is rearranged to, may mostly be
 * holes.
 */
export function bytesHeld(...images: readonly Pick<SourceImage, "file" | "spool">[]): number {
  return sumOf(images, ({ stored, size }) => stored ?? size);
}

/**
 * The same with the holes of files. Those of a kdump file are where its bitmaps have nothing, which costs nothing: a
 * machine with a node at 64 TiB has bitmaps of 4 GiB and may have few pages.
 */
export function bytesWithHoles(...images: readonly Pick<SourceImage, "file" | "spool">[]): number {
  return sumOf(images, ({ size }) => size);
}

function sumOf(images: readonly Pick<SourceImage, "file" | "spool">[], of: (file: FileHandle) => number): number {
  return images.reduce((sum, { file, spool }) => sum + (spool === undefined ? of(file) : (spool.ends.at(-1) ?? 0)), 0);
}

/**
 * Adds the index of its flattened wrapping to an opened file, if it has one. Throws what `readFlattenedIndex` throws.
 */
export function lookInside(image: OpenedInput, salvage = false): SourceImage {
  const source = attachFile(image);
  const head = new Uint8Array(16);
  const n = source.read(head, 0);
  return { ...image, flattened: isFlattened(head.subarray(0, n)) ? readFlattenedIndex(source, salvage) : undefined };
}

/** The bytes of the file itself. Works in any thread. */
export function attachFile({ file, spool, remote }: OpenedInput): ByteSource {
  if (remote !== undefined) return remoteSource(remote);
  return spool === undefined ? fileSource(file) : spoolSource(file, spool);
}

/** The bytes of an opened input. Works in any thread. */
export function attachSource(image: SourceImage): ByteSource {
  const { flattened, window } = image;
  const file = attachFile(image);
  const source = flattened === undefined ? file : flattenedSource(file, flattened);
  return window === undefined ? source : windowSource(source, window);
}

/**
 * A function that closes the files of these images. Further calls do nothing, because a file's number may be in use
 * again.
 */
export function closeOnce(images: readonly SourceImage[]): () => void {
  let open = true;
  return () => {
    if (!open) return;
    open = false;
    for (const image of images) {
      if (image.remote !== undefined) {
        handleOf(image.remote)?.close();
        continue;
      }
      if (image.spool !== undefined) {
        dropSpoolFile(image.file.fd, image.spool.path);
        continue;
      }
      try {
        closeInput(image.file);
      } catch {
        // Nothing was written to it, so an error here changes nothing about what was read.
      }
    }
  };
}
