import type { KeyObject } from "node:crypto";
import { readSideFile } from "../reader/source/side-file.js";
import { abandoned } from "../writer/abandoned.js";
import { readyFileSink } from "../writer/open-file-sink.js";
import type { Sink } from "../writer/sink.js";
import { MAX_KEY_FILE, privateKeyOf, SIGNATURE_SUFFIX, signatureOf } from "./signature.js";

/** A small file next to a run's output, with its signature if the user wants one. */
export interface SignedFile {
  /** Makes both files appear: the signature first, so that the file is never there without it. */
  write(bytes: Uint8Array): Promise<void>;
  /** Never throws. */
  abort(): Promise<void>;
  /** After `abort`: what could not be removed. */
  leftBehind(): string | undefined;
}

/** The private key in a file of openssl or ssh-keygen. Throws `NOT_READABLE`, `BAD_OPTION`. */
export async function signingKey(file: string | undefined): Promise<KeyObject | undefined> {
  return file === undefined
    ? undefined
    : privateKeyOf((await readSideFile(file, MAX_KEY_FILE)).toString("latin1"), file);
}

/**
 * Opens the file and its signature's before the run, so that a name that is not possible is reported at once. Throws
 * what a file sink throws.
 */
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
