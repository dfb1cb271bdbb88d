import type { Readable } from "node:stream";
import { aFileName, anObject, hasMembers, maybe, type OptionCheck, suchThat } from "../../option-shape.js";

/** What is needed of a web stream (`ReadableStream` of any realm, `fetch(…).body`). */
export interface WebStream {
  readonly locked: boolean;
  /** Locks the stream. */
  getReader(): WebStreamReader;
  /** Ends it: what was not read is not wanted. */
  cancel(reason?: unknown): Promise<unknown>;
}

/** What is needed of a web stream's reader. */
export interface WebStreamReader {
  /** The next bytes. */
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  /** Ends the stream. */
  cancel(reason?: unknown): Promise<unknown>;
  /** The stream can be read by another one. */
  releaseLock(): void;
}

/** A stream of bytes that somebody else opened: a `Readable` of node:stream, or a web stream. */
export type GivenStream = Readable | WebStream;

/** The same with a name. */
export interface StreamInput {
  readonly stream: GivenStream;
  /** What it is called in messages, warnings and manifests; nothing is opened by it. Default: "the stream". */
  readonly name?: string;
}

const NAME = "the stream";

const aStream = suchThat(isStream, "a Readable of node:stream, or a ReadableStream");

/** Looks at a stream, or at one with a name. */
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

/** Lets go of a stream that was given and will not be read: of one that was read to its end that does nothing. */
export function dropStream(input: GivenStream | StreamInput): void {
  const { stream } = named(input);
  if (!isWeb(stream)) stream.destroy();
  // One that is locked is its reader's to let go of.
  else if (!stream.locked) stream.cancel().catch(() => undefined);
}
