import type { Identity } from "age-encryption";
import { DumpError } from "../../../errors.js";
import { OPTION } from "../../../option-words.js";
import { readSideFile } from "../side-file.js";
import { chunksOf, loadAge, webStreamOf } from "./age.js";
import type { ByteQueue } from "./byte-queue.js";

/**
 * The most bytes of a file of identities: it has some lines of 80 characters; post-quantum identities are not longer.
 */
const MAX_IDENTITIES = 1 << 20;

/**
 * Decrypts input that is encrypted with age, using the identities in a file, one per line, as `age-keygen` writes them.
 * Each piece is authenticated before it is passed on. Throws `CODEC_MISSING`, `NOT_READABLE` if no identity fits,
 * `BAD_OPTION` for a file without identities, `CORRUPT`.
 */
export async function* unsealStream(
  queue: ByteQueue,
  name: string,
  file: string | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (file === undefined) {
    throw new DumpError("NOT_READABLE", "is sealed with age, and no identity was given", {
      file: name,
      cure: `Name the receiver's: ${OPTION.identity}`,
    });
  }
  const { Decrypter } = await loadAge(name);
  const opener = new Decrypter();
  await addIdentities(file, (line) => opener.addIdentity(line));
  // This identity is tried last, and only if the header is valid.
  let refused = false;
  const last: Identity = {
    unwrapFileKey() {
      refused = true;
      return null;
    },
  };
  opener.addIdentity(last);
  let foreign: unknown;
  const sealed = webStreamOf(queue.rest(), (error) => {
    foreign = error;
  });
  const failed = (error: unknown, what: string) => {
    if (foreign !== undefined) return foreign;
    if (refused) {
      return new DumpError("NOT_READABLE", `is sealed with age, for none of the identities in ${file}`, {
        file: name,
        cure: "Ask who sealed it which recipient it is for",
        cause: error,
      });
    }
    return new DumpError("CORRUPT", what, { file: name, cure: "Copy it again from where it was made", cause: error });
  };
  const opened = await opener.decrypt(sealed).catch((error) => {
    throw failed(error, "its age header is damaged or cut off");
  });
  yield* chunksOf(opened, (error) => failed(error, "what is sealed in it is damaged or cut off"));
}

/** Adds each line of the file, except empty lines and those that begin with #. Throws `NOT_READABLE`, `BAD_OPTION`. */
async function addIdentities(file: string, add: (line: string) => void): Promise<void> {
  const lines = (await readSideFile(file, MAX_IDENTITIES)).toString("latin1").split(/\r?\n/);
  let count = 0;
  for (const [i, line] of lines.entries()) {
    if (line === "" || line.startsWith("#")) continue;
    try {
      add(line);
      count++;
    } catch (error) {
      throw new DumpError("BAD_OPTION", `line ${i + 1} is not an age identity`, {
        file,
        cure: "Name a file that `age-keygen` wrote: its key begins with AGE-SECRET-KEY-",
        cause: error,
      });
    }
  }
  if (count > 0) return;
  throw new DumpError("BAD_OPTION", "has no age identity in it", {
    file,
    cure: "Name a file that `age-keygen` wrote: its key begins with AGE-SECRET-KEY-",
  });
}
