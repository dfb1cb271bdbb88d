import { closeSync } from "node:fs";
import { type ByteSource, type FileHandle, fileSource, openFile } from "./byte-source.js";
import { type FlattenedIndex, isFlattened, readFlattenedIndex } from "./flattened/records.js";
import { flattenedSource } from "./flattened/source.js";

/** What a worker needs to read an input file that the main thread has opened: plain data and shared arrays. */
export interface SourceImage {
  readonly file: FileHandle;
  readonly flattened: FlattenedIndex | undefined;
}

/**
 * Opens an input file, and its flattened wrapping if it has one; with `salvage` as far as it goes. Throws what `openFile`
 * and `readFlattenedIndex` do.
 */
export function openSource(path: string, salvage = false): SourceImage {
  const file = openFile(path);
  const source = fileSource(file);
  const head = new Uint8Array(16);
  const n = source.read(head, 0);
  return { file, flattened: isFlattened(head.subarray(0, n)) ? readFlattenedIndex(source, salvage) : undefined };
}

/** The bytes of an opened input, in any thread. */
export function attachSource(image: SourceImage): ByteSource {
  const source = fileSource(image.file);
  return image.flattened === undefined ? source : flattenedSource(source, image.flattened);
}

/** A function that closes the files of these images; called again it does nothing (the number may be in use anew). */
export function closeOnce(images: readonly SourceImage[]): () => void {
  let open = true;
  return () => {
    if (!open) return;
    open = false;
    for (const image of images) {
      try {
        closeSync(image.file.fd);
      } catch {
        // Nothing was written to it: an error here takes nothing from what was read.
      }
    }
  };
}
