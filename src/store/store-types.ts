/** An object of a store. */
export interface ObjectLocation {
  readonly bucket: string;
  readonly key: string;
}

/** A file of a web server. */
export interface HttpLocation {
  /** With all that is secret in it: `shownUrl` is for messages. */
  readonly url: string;
}

/** What a store says of an object. */
export interface ObjectInfo {
  /** Length in bytes. */
  readonly size: number;
  /** Changes with the object's content; sent back with each request, so that another object of the name is noticed. */
  readonly etag: string;
  /** What it was marked with when it was made; `undefined`: not by us. */
  readonly mark?: string | undefined;
}

/** An object as a list names it. */
export interface ListedObject {
  readonly key: string;
  /** Length in bytes. */
  readonly size: number;
  /** When it was made, in milliseconds since 1970. */
  readonly modified: number | undefined;
}

/** A part of an upload that the store has. */
export interface StoredPart {
  /** 1 to MAX_PARTS. Parts make the object in the order of their numbers, which may have gaps. */
  readonly number: number;
  /** Length in bytes. */
  readonly size: number;
  /** As the store gave it, with its quotes; mostly the MD5 of the bytes. */
  readonly etag: string;
  /** CRC-32 in base64, where the store keeps it. */
  readonly crc32?: string | undefined;
}

/** An upload that is neither completed nor aborted. */
export interface UnfinishedUpload extends ObjectLocation {
  readonly uploadId: string;
  /** When it began, in milliseconds since 1970. */
  readonly initiated: number | undefined;
}

/** Whether an object of that name is replaced. */
export interface ReplaceOptions {
  /** Replaces an object of that name. Otherwise it throws `OUTPUT_EXISTS`. */
  readonly force: boolean;
}

/** What an object of one request is given besides its bytes. */
export interface PutOptions {
  readonly contentType?: string | undefined;
  /** Kept with the object, in metadata of its own: `head` tells it. */
  readonly mark?: string | undefined;
}

/**
 * An S3-compatible store. All methods repeat what failed for a passing reason, with growing pauses. They throw `DumpError`s: `NOT_READABLE` and
 * `INPUT_CHANGED` for what reads, `NOT_WRITABLE`, `NO_SPACE`, `SIZE_LIMIT` and `OUTPUT_EXISTS` for what writes, `ABORTED` after `close`.
 * Bytes that are given are not copied: they must not change until the call is done.
 */
export interface ObjectStore {
  /** `undefined`: there is no such object. */
  head(at: ObjectLocation): Promise<ObjectInfo | undefined>;
  /** Fills `into` from `offset` on. Throws `INPUT_CHANGED` if the object is not the one with that `etag`. */
  read(at: ObjectLocation, offset: number, into: Uint8Array, etag: string): Promise<void>;
  /** Writes a small object in one request. */
  put(at: ObjectLocation, bytes: Uint8Array, options: ReplaceOptions & PutOptions): Promise<void>;
  remove(at: ObjectLocation): Promise<void>;
  /** Objects whose keys begin with `at.key`. */
  list(at: ObjectLocation): Promise<readonly ListedObject[]>;

  /** Begins an upload, of which the object will have that mark. */
  createUpload(at: ObjectLocation, mark?: string): Promise<string>;
  /** Sends a part; one of that number is replaced. The store checks the digest of what it got. */
  uploadPart(at: ObjectLocation, uploadId: string, number: number, bytes: Uint8Array): Promise<StoredPart>;
  /** The parts that an upload has, ascending; `undefined` if there is no such upload. */
  listParts(at: ObjectLocation, uploadId: string): Promise<readonly StoredPart[] | undefined>;
  /** Makes the object of these parts, which must be ascending. Asked again after it was done, it is done. */
  completeUpload(
    at: ObjectLocation,
    uploadId: string,
    parts: readonly StoredPart[],
    options: ReplaceOptions,
  ): Promise<ObjectInfo>;
  /** Ends an upload and removes its parts. No error if there is none. */
  abortUpload(at: ObjectLocation, uploadId: string): Promise<void>;
  /** Unfinished uploads of keys that begin with `at.key`, oldest first. */
  listUploads(at: ObjectLocation): Promise<readonly UnfinishedUpload[]>;

  /** Ends the thread that speaks with the store. */
  close(): Promise<void>;
}
