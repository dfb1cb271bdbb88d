import { DumpError } from "../../../errors.js";

/** Loads the npm package of age's author, which need not be installed. Throws `CODEC_MISSING`. */
export async function loadAge(name: string): Promise<typeof import("age-encryption")> {
  try {
    return await import("age-encryption");
  } catch (error) {
    throw new DumpError("CODEC_MISSING", "needs age-encryption, which is not installed here", {
      file: name,
      cure: "Run `npm install age-encryption`, or use the program age",
      cause: error,
    });
  }
}

/** Bytes as a web stream, which reads no more than is asked for. `failed` is called with an error of the source. */
export function webStreamOf(
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
  failed: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = await chunks.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          failed(error);
          controller.error(error);
        }
      },
      cancel: async () => {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * The bytes of a web stream. If the caller stops reading, the stream is cancelled. An error of the stream is thrown as
 * `translate` returns it.
 */
export async function* chunksOf(
  stream: ReadableStream<Uint8Array>,
  translate: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw translate(error);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
