import { DumpError } from "../errors.js";
import { sharedBytes } from "./shared-bytes.js";
import type { ObjectLocation, ObjectStore } from "./store-types.js";

/** An object that is replaced while it is read is read again so often. */
const TRIES = 4;

/**
 * All bytes of an object of this program, in one request where it is small; `undefined` if there is none. `check` throws
 * if it is too large. Throws `NOT_READABLE`: only the input of a run may be reported as changed.
 */
export async function readObject(
  store: Pick<ObjectStore, "begin" | "read">,
  at: ObjectLocation,
  check: (size: number) => void,
): Promise<Uint8Array | undefined> {
  for (let tries = 1; ; tries++) {
    const found = await store.begin(at);
    if (found === undefined) return undefined;
    check(found.size);
    if (found.bytes.length === found.size) return found.bytes;
    const bytes = sharedBytes(found.size);
    try {
      await store.read(at, 0, bytes, found.etag);
      return bytes;
    } catch (error) {
      if (!isReplaced(error)) throw error;
      if (tries === TRIES) throw error.with(NOT_AS_A_WHOLE);
    }
  }
}

/** Bytes of a piece. */
const PIECE = 4 << 20;

/** The bytes of an object of this program, in pieces that have the same memory; nothing if there is none. Throws `NOT_READABLE`. */
export async function* objectPieces(
  store: Pick<ObjectStore, "begin" | "read">,
  at: ObjectLocation,
): AsyncGenerator<Uint8Array> {
  const found = await store.begin(at);
  if (found === undefined) return;
  const { size, etag, bytes } = found;
  yield bytes;
  const piece = sharedBytes(Math.min(PIECE, size - bytes.length));
  for (let offset = bytes.length; offset < size; offset += piece.length) {
    const into = piece.subarray(0, size - offset);
    try {
      await store.read(at, offset, into, etag);
    } catch (error) {
      throw isReplaced(error) ? error.with(NOT_AS_A_WHOLE) : error;
    }
    yield into;
  }
}

const NOT_AS_A_WHOLE = { code: "NOT_READABLE", cure: "Begin this step again" } as const;

function isReplaced(error: unknown): error is DumpError {
  return error instanceof DumpError && error.code === "INPUT_CHANGED";
}
