/** An object of a store. */
export interface ObjectLocation {
  readonly bucket: string;
  readonly key: string;
}

/** A file of a web server. */
export interface HttpLocation {
  /** Including secrets: messages must use `shownUrl`. */
  readonly url: string;
}

/** A store's information about an object. */
export interface ObjectInfo {
  /** Length in bytes. */
  readonly size: number;
  /** Changes with the object's content. Each request contains it, so that a replaced object is noticed. */
  readonly etag: string;
  /** The mark that it got when it was made; `undefined` if coresieve did not make it. */
  readonly mark?: string | undefined;
}

/** An object that exists. */
export interface FoundObject extends Omit<ObjectInfo, "size"> {
  /** `undefined`: the store does not say it. `sized` throws then. */
  readonly size: number | undefined;
}

/** An object in a list. */
export interface ListedObject {
  readonly key: string;
  /** Length in bytes. */
  readonly size: number;
  /** When it was last written, in milliseconds since 1970. */
  readonly modified: number | undefined;
}

/** A part of an upload, stored already. */
export interface StoredPart {
  /** 1 to MAX_PARTS. The object consists of the parts in the order of their numbers, which may have gaps. */
  readonly number: number;
  /** Length in bytes. */
  readonly size: number;
  /** As the store sent it, with quotes; mostly the MD5 of the bytes. */
  readonly etag: string;
  /** CRC-32 in base64, if the store keeps it. */
  readonly crc32?: string | undefined;
}

/** An upload that is neither completed nor aborted. */
export interface UnfinishedUpload extends ObjectLocation {
  readonly uploadId: string;
  /** When it began, in milliseconds since 1970. */
  readonly initiated: number | undefined;
}

/** Whether an existing object is replaced. */
export interface ReplaceOptions {
  /** Replaces an existing object. Otherwise the call throws `OUTPUT_EXISTS`. */
  readonly force: boolean;
}

/** Properties of an object that is written in one request. */
export interface PutOptions {
  readonly contentType?: string | undefined;
  /** Stored in the object's metadata; `head` returns it. */
  readonly mark?: string | undefined;
}

/** An upload that was begun. */
export interface BegunUpload {
  readonly uploadId: string;
  /** Requests before the successful one whose answers may have been lost: the store may have begun an upload for each. */
  readonly unanswered: number;
}

/**
 * An S3-compatible store. All methods repeat requests after temporary failures, with growing pauses. They throw
 * `DumpError`s: `NOT_READABLE` and `INPUT_CHANGED` when reading, `NOT_WRITABLE`, `NO_SPACE`, `SIZE_LIMIT` and
 * `OUTPUT_EXISTS` when writing, `ABORTED` after `close`. Bytes of a call are not copied: they must not change until the
 * call is done.
 */
export interface ObjectStore {
  /** `undefined`: there is no such object. */
  head(at: ObjectLocation): Promise<FoundObject | undefined>;
  /** The first bytes of an object, 1 MiB at most, in one request; of a small one all. `undefined`: there is no such object. */
  begin(at: ObjectLocation): Promise<(ObjectInfo & { readonly bytes: Uint8Array }) | undefined>;
  /** Fills `into` from `offset` on. Throws `INPUT_CHANGED` if the object is not the one with that `etag`. */
  read(at: ObjectLocation, offset: number, into: Uint8Array, etag: string): Promise<void>;
  /** Writes a small object in one request. */
  put(at: ObjectLocation, bytes: Uint8Array, options: ReplaceOptions & PutOptions): Promise<void>;
  remove(at: ObjectLocation): Promise<void>;
  /** Objects whose keys begin with `at.key`. */
  list(at: ObjectLocation): Promise<readonly ListedObject[]>;

  /** Begins an upload; the object will have that mark. */
  createUpload(at: ObjectLocation, mark?: string): Promise<BegunUpload>;
  /** Sends a part, and replaces a part of that number. The store checks the digest. */
  uploadPart(at: ObjectLocation, uploadId: string, number: number, bytes: Uint8Array): Promise<StoredPart>;
  /** The parts of an upload, ascending; `undefined` if there is no such upload. */
  listParts(at: ObjectLocation, uploadId: string): Promise<readonly StoredPart[] | undefined>;
  /** Makes the object from these parts, which must be ascending. Succeeds also if that was done before. */
  completeUpload(
    at: ObjectLocation,
    uploadId: string,
    parts: readonly StoredPart[],
    options: ReplaceOptions,
  ): Promise<ObjectInfo>;
  /** Ends an upload and removes its parts. Not an error if there is none. */
  abortUpload(at: ObjectLocation, uploadId: string): Promise<void>;
  /** Unfinished uploads whose keys begin with `at.key`, oldest first. */
  listUploads(at: ObjectLocation): Promise<readonly UnfinishedUpload[]>;

  /** Ends the use of the store thread. */
  close(): Promise<void>;
}

/** An unfinished upload, and the parts that it had when this run began to use it. */
export interface UsedUpload {
  readonly id: string;
  readonly known: ReadonlyMap<number, StoredPart>;
}
