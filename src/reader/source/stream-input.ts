import type { Readable } from "node:stream";
import { aFileName, anObject, hasMembers, maybe, type OptionCheck, suchThat } from "../../option-shape.js";

/** The members of a web stream that are used (`ReadableStream` of any realm, `fetch(…).body`). */
export interface WebStream {
  readonly locked: boolean;
  /** Locks the stream. */
  getReader(): WebStreamReader;
  /** Ends it: the rest is not wanted. */
  cancel(reason?: unknown): Promise<unknown>;
}

/** The members of a web stream's reader that are used. */
export interface WebStreamReader {
  /** The next bytes. */
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  /** Ends the stream. */
  cancel(reason?: unknown): Promise<unknown>;
  /** Unlocks the stream for another reader. */
  releaseLock(): void;
}

/** A stream of bytes that the caller opened: a `Readable` of node:stream, or a web stream. */
export type GivenStream = Readable | WebStream;

/** The same with a name. */
export interface StreamInput {
  readonly stream: GivenStream;
  /** Its name in messages, warnings and manifests; it is not the name of a file. Default: "the stream". */
  readonly name?: string;
}

const NAME = "the stream";

const aStream = suchThat(isStream, "a Readable of node:stream, or a ReadableStream");

/** Checks a stream, or a stream with a name. */
export const aStreamInput: OptionCheck = (value, at) => {
  if (!isStream(value)) anObject<StreamInput>({ stream: aStream, name: maybe(aFileName) }, A_STREAM_INPUT)(value, at);
};

const A_STREAM_INPUT = "the name of a file, a Readable, a ReadableStream, or { stream, name }";

function isStream(value: unknown): value is GivenStream {
  return isWeb(value) || hasMembers(value, ["destroy", "on", "readableEnded"]);
}

/** Whether it is a web stream. */
export function isWeb(value: unknown): value is WebStream {
  return hasMembers(value, ["getReader", "cancel", "locked"]);
}

/** A stream with its name. */
export function named(input: GivenStream | StreamInput): Required<StreamInput> {
  return isStream(input) ? { stream: input, name: NAME } : { name: NAME, ...input };
}

/** From now on an error of the stream is found when it is read: one that comes before must not end the caller's process. */
export function hearErrors(input: GivenStream | StreamInput): void {
  const { stream } = named(input);
  if (!isWeb(stream)) stream.on("error", () => undefined);
}

/** Abandons a stream that will not be read. Does nothing to a stream that was read to its end. */
export function dropStream(input: GivenStream | StreamInput): void {
  const { stream } = named(input);
  if (!isWeb(stream)) stream.destroy();
  // A locked stream belongs to its reader.
  else if (!stream.locked) stream.cancel().catch(() => undefined);
}

/** The name that stands for stdin. */
export const STDIN = "-";
/** What an opened dump calls it. */
export const STDIN_NAME = "stdin";
