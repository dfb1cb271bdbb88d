import type { Encrypter } from "age-encryption";
import { DumpError } from "../errors.js";
import { chunksOf, loadAge, webStreamOf } from "../reader/source/packed/age.js";

/**
 * Makes an encrypter for these recipients (`age1…`); `undefined` without recipients. Throws `BAD_OPTION` for an invalid
 * recipient, `CODEC_MISSING`.
 */
export async function sealer(recipients: readonly string[] | undefined): Promise<Encrypter | undefined> {
  if (recipients === undefined || recipients.length === 0) return undefined;
  const { Encrypter: Sealer } = await loadAge("sealing for recipients");
  const found = new Sealer();
  for (const recipient of recipients) {
    try {
      found.addRecipient(recipient);
    } catch (error) {
      throw new DumpError("BAD_OPTION", `${JSON.stringify(recipient)} is not an age recipient`, {
        cure: "Give what `age-keygen` prints as public key: it begins with age1",
        cause: error,
      });
    }
  }
  return found;
}

/** The bytes, sealed: each piece contains 64 KiB of them and 16 bytes more. Throws what `chunks` throw. */
export async function* sealStream(
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
  encrypter: Encrypter,
): AsyncGenerator<Uint8Array, void, undefined> {
  let foreign: unknown;
  const plain = webStreamOf(chunks, (error) => {
    foreign = error;
  });
  yield* chunksOf(await encrypter.encrypt(plain), (error) => foreign ?? error);
}
