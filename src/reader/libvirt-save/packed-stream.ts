import type { Warnings } from "../../warnings.js";
import { ByteQueue } from "../source/packed/byte-queue.js";
import { isPackedSave, readSaveHeader, SAVE_HEADER_SIZE } from "./header.js";
import { checkFinished } from "./open.js";

/**
 * A stream without the header and the XML of a libvirt save file, if the rest has to be unpacked; otherwise the whole
 * stream. Throws what `readSaveHeader` throws, and `TRUNCATED`.
 */
export async function withoutSaveHeader(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  options: { readonly salvage: boolean; readonly warnings: Warnings },
): Promise<AsyncIterable<Uint8Array>> {
  const queue = new ByteQueue(chunks);
  const head = await queue.peek(SAVE_HEADER_SIZE);
  if (isPackedSave(head, name)) {
    const header = readSaveHeader(head, name);
    checkFinished(header, name, options);
    await queue.skip(header.start);
  }
  return queue.rest();
}
