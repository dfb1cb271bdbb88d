import type { Warnings } from "../../warnings.js";
import type { ByteQueue } from "../source/packed/byte-queue.js";
import { isPackedSave, readSaveHeader, SAVE_HEADER_SIZE } from "./header.js";
import { checkFinished } from "./open.js";

/**
 * Takes the header and the XML of a libvirt save file off a stream, if the rest has to be unpacked. Throws what
 * `readSaveHeader` throws, and `TRUNCATED`.
 */
export async function takeSaveHeader(
  queue: ByteQueue,
  name: string,
  options: { readonly salvage: boolean; readonly warnings: Warnings },
): Promise<void> {
  const head = await queue.peek(SAVE_HEADER_SIZE);
  if (!isPackedSave(head, name)) return;
  const header = readSaveHeader(head, name);
  checkFinished(header, name, options);
  await queue.skip(header.start);
}
