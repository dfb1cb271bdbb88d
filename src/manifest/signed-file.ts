import type { KeyObject } from "node:crypto";
import { readSideFile } from "../reader/source/side-file.js";
import { abandoned } from "../writer/abandoned.js";
import { readyFileSink } from "../writer/open-file-sink.js";
import type { Sink } from "../writer/sink.js";
import { MAX_KEY_FILE, privateKeyOf, SIGNATURE_SUFFIX, signatureOf } from "./signature.js";

/** A small file beside a run's output, with its signature where one is asked for. */
export interface SignedFile {
  /** Makes both appear: the signature first, so that no file stands there unsigned. */
  write(bytes: Uint8Array): Promise<void>;
  /** Never throws. */
  abort(): Promise<void>;
  /** After `abort`: what is there all the same. */
  leftBehind(): string | undefined;
}

/** The private key in a file, as openssl or ssh-keygen make it. Throws `NOT_READABLE`, `BAD_OPTION`. */
export async function signingKey(file: string | undefined): Promise<KeyObject | undefined> {
  return file === undefined
    ? undefined
    : privateKeyOf((await readSideFile(file, MAX_KEY_FILE)).toString("latin1"), file);
}

/** Opens the file, and its signature's, before the run: a name that cannot be is found out at once. Throws what a file sink does. */
export async function openSignedFile(
  path: string,
  key: KeyObject | undefined,
  force: boolean,
  inputs: readonly string[],
): Promise<SignedFile> {
  const sinks: Sink[] = [await readyFileSink(path, { force }, inputs)];
  if (key !== undefined) {
    try {
      sinks.unshift(await readyFileSink(`${path}${SIGNATURE_SUFFIX}`, { force }, inputs));
    } catch (error) {
      throw await abandoned(error, sinks[0]);
    }
  }
  return {
    async write(bytes) {
      const texts = key === undefined ? [bytes] : [Buffer.from(signatureOf(bytes, key)), bytes];
      try {
        for (const [i, text] of texts.entries()) await (sinks[i] as Sink).write(text, 0);
        for (const [i, text] of texts.entries()) await (sinks[i] as Sink).finish(text.length);
      } catch (error) {
        throw await abandoned(error, ...sinks);
      }
    },
    async abort() {
      for (const sink of sinks) await sink.abort();
    },
    leftBehind: () => sinks.map((sink) => sink.leftBehind?.()).find((left) => left !== undefined),
  };
}
