import { createRequire } from "node:module";
import { DumpError } from "../../../errors.js";
import { OPTION, piped } from "../../../option-words.js";
import { CUT_OFF_CURE } from "../../damage.js";
import type { ByteQueue } from "./byte-queue.js";
import { hasSha256, withoutSums } from "./xz-sha256.js";

/** The part of xz-decompress that is used. */
interface XzBinding {
  readonly XzReadableStream: new (stream: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>;
}

/** Numbers by which xz-decompress 0.2.3 names errors of its decoder: XZ Embedded's `enum xz_ret`. */
const UNKNOWN_OPTIONS = 6;
const NO_INPUT = 8;

/** Unpacks consecutive xz streams. Throws `CODEC_MISSING`, `UNSUPPORTED`, `TRUNCATED`, `CORRUPT`. */
export async function* unpackXz(queue: ByteQueue, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  if (!hasSha256(await queue.peek(8))) return yield* decoded(queue.rest(), name);
  const { streams, checked } = withoutSums(queue, name, () => unknownOptions(name));
  yield* checked(decoded(streams, name));
}

async function* decoded(
  rest: AsyncGenerator<Uint8Array, void, undefined>,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { XzReadableStream } = xzBinding(name);
  let foreign: unknown;
  let end = 0;
  const input = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = await rest.next();
          if (done === true) {
            controller.close();
            return;
          }
          end += value.length;
          controller.enqueue(value);
        } catch (error) {
          foreign = error;
          controller.error(error);
        }
      },
      cancel: async () => {
        await rest.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
  const reader = new XzReadableStream(input).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      // Copied, because its buffer is reused for the next piece.
      yield value.slice();
    }
  } catch (error) {
    if (foreign !== undefined) throw foreign;
    throw translated(error, name, end);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function xzBinding(name: string): XzBinding {
  try {
    return createRequire(import.meta.url)("xz-decompress") as XzBinding;
  } catch (error) {
    throw new DumpError("CODEC_MISSING", "is packed with xz, and xz-decompress is not installed here", {
      file: name,
      cure: `Run \`npm install xz-decompress\`, or unpack it through a pipe: ${piped("xz -dc FILE")}`,
      cause: error,
    });
  }
}

function unknownOptions(name: string, cause?: unknown): DumpError {
  return new DumpError("UNSUPPORTED", "its xz stream has a filter or checksum that coresieve does not read", {
    file: name,
    cure: `Unpack it through a pipe: ${piped("xz -dc FILE")}`,
    cause,
  });
}

function translated(error: unknown, name: string, end: number): DumpError {
  const why = error instanceof Error ? error.message : String(error);
  // Parsed from the text, because the library's errors have no codes.
  const code = Number(/error code (\d+)/.exec(why)?.[1]);
  if (code === UNKNOWN_OPTIONS) return unknownOptions(name, error);
  if (code === NO_INPUT) {
    return new DumpError("TRUNCATED", "its xz stream ends too early", {
      file: name,
      offset: end,
      cure: CUT_OFF_CURE,
      cause: error,
    });
  }
  return new DumpError("CORRUPT", "its xz stream is damaged", {
    why,
    file: name,
    cure: `Copy it again from where it was made, or use ${OPTION.salvage} for what comes before`,
    cause: error,
  });
}
