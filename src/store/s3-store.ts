import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { crc32 as crc32Of } from "node:zlib";
import type { S3Client } from "@aws-sdk/client-s3";
import { DumpError } from "../errors.js";
import { Retries } from "./retry.js";
import { type S3Sdk, type StoreTimeouts, TIMEOUTS } from "./s3-client.js";
import { isNotImplemented, nameOf, type StoreUse, statusOf, storeError } from "./s3-errors.js";
import type {
  ListedObject,
  ObjectInfo,
  ObjectLocation,
  ObjectStore,
  PutOptions,
  ReplaceOptions,
  StoredPart,
  UnfinishedUpload,
} from "./store-types.js";
import { storePath } from "./store-url.js";

/** A store through the AWS SDK. Lives in the store thread. */
export class S3Store implements ObjectStore {
  readonly #sdk: S3Sdk;
  readonly #client: S3Client;
  readonly #retries = new Retries();
  readonly #stalled: number;

  /** A body of which no byte comes for so many milliseconds counts as cut off. */
  constructor(sdk: S3Sdk, client: S3Client, { body }: Pick<StoreTimeouts, "body"> = TIMEOUTS) {
    this.#stalled = body;
    this.#sdk = sdk;
    this.#client = client;
  }

  async head(at: ObjectLocation): Promise<ObjectInfo | undefined> {
    try {
      return await this.#head(at);
    } catch (error) {
      // A missing bucket looks the same: writing to it will say so.
      if (statusOf(error) === 404) return undefined;
      throw storeError(await this.#reason(at, error), storePath(at), "read");
    }
  }

  /** Answers to HEAD have no body, and so do not say why: the same asked by GET, for one byte, does. */
  async #reason({ bucket, key }: ObjectLocation, error: unknown): Promise<unknown> {
    const status = statusOf(error);
    if (status === undefined || status >= 500) return error;
    const get = new this.#sdk.GetObjectCommand({ Bucket: bucket, Key: key, Range: "bytes=0-0" });
    return this.#client.send(get).then(
      ({ Body }) => {
        (Body as Readable).destroy();
        return error;
      },
      (told: unknown) => (statusOf(told) === status ? told : error),
    );
  }

  async #head({ bucket, key }: ObjectLocation): Promise<ObjectInfo> {
    const found = await this.#send(() =>
      this.#client.send(new this.#sdk.HeadObjectCommand({ Bucket: bucket, Key: key })),
    );
    return { size: found.ContentLength ?? 0, etag: found.ETag ?? "", mark: found.Metadata?.[MARK] };
  }

  async read(at: ObjectLocation, offset: number, into: Uint8Array, etag: string): Promise<void> {
    await this.stream(at, offset, into.length, etag, (chunk, done) => into.set(chunk, done));
  }

  /**
   * Bytes [offset, offset + length) in order: `take` is given each piece and where it begins in the range. A body that is cut off is
   * asked for again from there on; `onTry` is called before each request.
   */
  async stream(
    at: ObjectLocation,
    offset: number,
    length: number,
    etag: string,
    take: (chunk: Uint8Array, done: number) => void,
    onTry: () => void = () => undefined,
  ): Promise<void> {
    let done = 0;
    let before = 0;
    const once = async () => {
      before = done;
      onTry();
      const { Body, ContentRange } = await this.#client.send(
        new this.#sdk.GetObjectCommand({
          Bucket: at.bucket,
          Key: at.key,
          Range: `bytes=${offset + done}-${offset + length - 1}`,
          ...(etag === "" ? {} : { IfMatch: etag }),
        }),
      );
      const body = Body as Readable;
      if (ContentRange !== undefined && !ContentRange.startsWith(`bytes ${offset + done}-`)) {
        body.destroy();
        throw new DumpError("NOT_READABLE", `the store sent other bytes (${ContentRange}) than those asked for`, {
          file: storePath(at),
          cure: "Look for a proxy in between that changes requests",
        });
      }
      for await (const chunk of unlessStalled(body, this.#stalled)) {
        const bytes = chunk.subarray(0, length - done);
        take(bytes, done);
        done += bytes.length;
        if (done === length) break;
      }
      if (done < length)
        throw Object.assign(new Error("the answer is cut off"), { code: "ERR_STREAM_PREMATURE_CLOSE" });
    };
    try {
      await this.#retries.run(once, () => done > before);
    } catch (error) {
      // 416: shorter than it was, so it is another object.
      if (statusOf(error) === 412 || statusOf(error) === 416 || nameOf(error) === "PreconditionFailed") {
        throw new DumpError("INPUT_CHANGED", "was replaced while it was read", {
          file: storePath(at),
          cure: "Wait until the dump has been uploaded to the end, and run it again",
          cause: error,
        });
      }
      throw storeError(error, storePath(at), "read");
    }
  }

  async put(
    at: ObjectLocation,
    bytes: Uint8Array,
    { force, contentType, mark }: ReplaceOptions & PutOptions,
  ): Promise<void> {
    const digest = md5(bytes);
    const send = (condition: object) =>
      this.#send(() =>
        this.#client.send(
          new this.#sdk.PutObjectCommand({
            Bucket: at.bucket,
            Key: at.key,
            Body: bytes,
            ...(digest === undefined ? {} : { ContentMD5: digest.toString("base64") }),
            ...(contentType === undefined ? {} : { ContentType: contentType }),
            ...metadataOf(mark),
            ...condition,
          }),
        ),
      );
    await this.#unlessThere(at, force, send);
  }

  /** A request that makes an object, on condition that there is none; where the store knows no conditions a look comes before. */
  async #unlessThere<T>(at: ObjectLocation, force: boolean, send: (condition: object) => Promise<T>): Promise<T> {
    try {
      if (force) return await send({});
      try {
        return await send({ IfNoneMatch: "*" });
      } catch (error) {
        if (!isNotImplemented(error)) throw error;
      }
      if ((await this.head(at)) !== undefined) throw outputExists(at);
      return await send({});
    } catch (error) {
      if (statusOf(error) === 412 || statusOf(error) === 409) throw outputExists(at);
      throw storeError(error, storePath(at), "write");
    }
  }

  async remove(at: ObjectLocation): Promise<void> {
    await this.#do(at, "write", () =>
      this.#client.send(new this.#sdk.DeleteObjectCommand({ Bucket: at.bucket, Key: at.key })),
    );
  }

  async list(at: ObjectLocation): Promise<readonly ListedObject[]> {
    const objects: ListedObject[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await this.#do(at, "write", () =>
        this.#client.send(
          new this.#sdk.ListObjectsV2Command({
            Bucket: at.bucket,
            Prefix: at.key,
            ...(after === undefined ? {} : { ContinuationToken: after }),
          }),
        ),
      );
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key !== undefined) objects.push({ key: Key, size: Size ?? 0, modified: LastModified?.getTime() });
      }
      const next = page.NextContinuationToken;
      if (page.IsTruncated !== true || next === undefined || next === after) return objects;
      after = next;
    }
  }

  async createUpload(at: ObjectLocation, mark?: string): Promise<string> {
    const { UploadId } = await this.#do(at, "write", () =>
      this.#client.send(
        new this.#sdk.CreateMultipartUploadCommand({
          Bucket: at.bucket,
          Key: at.key,
          ContentType: "application/octet-stream",
          ...metadataOf(mark),
        }),
      ),
    );
    if (UploadId === undefined) throw unknownAnswer(at);
    return UploadId;
  }

  async uploadPart(at: ObjectLocation, uploadId: string, number: number, bytes: Uint8Array): Promise<StoredPart> {
    const digest = md5(bytes);
    const { ETag, ChecksumCRC32 } = await this.#do(at, "write", () =>
      this.#client.send(
        new this.#sdk.UploadPartCommand({
          Bucket: at.bucket,
          Key: at.key,
          UploadId: uploadId,
          PartNumber: number,
          Body: bytes,
          ContentLength: bytes.length,
          ...(digest === undefined ? {} : { ContentMD5: digest.toString("base64") }),
        }),
      ),
    );
    if (ETag === undefined) throw unknownAnswer(at);
    return { number, size: bytes.length, etag: ETag, crc32: ChecksumCRC32 };
  }

  async listParts(at: ObjectLocation, uploadId: string): Promise<readonly StoredPart[] | undefined> {
    const parts: StoredPart[] = [];
    let marker: string | undefined;
    try {
      for (;;) {
        const page = await this.#send(() =>
          this.#client.send(
            new this.#sdk.ListPartsCommand({
              Bucket: at.bucket,
              Key: at.key,
              UploadId: uploadId,
              ...(marker === undefined ? {} : { PartNumberMarker: marker }),
            }),
          ),
        );
        for (const { PartNumber, Size, ETag, ChecksumCRC32 } of page.Parts ?? []) {
          if (PartNumber === undefined || Size === undefined || ETag === undefined) continue;
          parts.push({ number: PartNumber, size: Size, etag: ETag, crc32: ChecksumCRC32 });
        }
        const next = page.NextPartNumberMarker;
        if (page.IsTruncated !== true || next === undefined || next === marker) return parts;
        marker = next;
      }
    } catch (error) {
      if (nameOf(error) === "NoSuchUpload") return undefined;
      throw storeError(error, storePath(at), "write");
    }
  }

  async completeUpload(
    at: ObjectLocation,
    uploadId: string,
    parts: readonly StoredPart[],
    { force }: ReplaceOptions,
  ): Promise<ObjectInfo> {
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    const list = parts.map(({ number, etag, crc32 }) => ({
      PartNumber: number,
      ETag: etag,
      ...(crc32 === undefined ? {} : { ChecksumCRC32: crc32 }),
    }));
    const send = async (condition: object) => {
      try {
        return await this.#send(() =>
          this.#client.send(
            new this.#sdk.CompleteMultipartUploadCommand({
              Bucket: at.bucket,
              Key: at.key,
              UploadId: uploadId,
              MultipartUpload: { Parts: list },
              ...condition,
            }),
          ),
        );
      } catch (error) {
        // The answer to an earlier try may have been lost: then the object is there, and these parts are in it.
        const done = ["NoSuchUpload", "PreconditionFailed"].includes(nameOf(error)) || statusOf(error) === 412;
        const there = done ? await this.head(at) : undefined;
        if (there === undefined || there.size !== size || there.etag !== compositeEtag(parts)) throw error;
        // Somebody else's object of the same bytes is one that was there: our upload still exists then.
        if ((await this.listParts(at, uploadId)) !== undefined) throw error;
        return { ETag: there.etag };
      }
    };
    const { ETag } = await this.#unlessThere(at, force, send);
    return { size, etag: ETag ?? "" };
  }

  async abortUpload(at: ObjectLocation, uploadId: string): Promise<void> {
    try {
      await this.#send(() =>
        this.#client.send(
          new this.#sdk.AbortMultipartUploadCommand({ Bucket: at.bucket, Key: at.key, UploadId: uploadId }),
        ),
      );
    } catch (error) {
      if (statusOf(error) !== 404) throw storeError(error, storePath(at), "write");
    }
  }

  async listUploads(at: ObjectLocation): Promise<readonly UnfinishedUpload[]> {
    const uploads: UnfinishedUpload[] = [];
    let markers: { KeyMarker?: string; UploadIdMarker?: string } = {};
    for (;;) {
      const page = await this.#do(at, "write", () =>
        this.#client.send(new this.#sdk.ListMultipartUploadsCommand({ Bucket: at.bucket, Prefix: at.key, ...markers })),
      );
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined) continue;
        uploads.push({ bucket: at.bucket, key: Key, uploadId: UploadId, initiated: Initiated?.getTime() });
      }
      const { NextKeyMarker, NextUploadIdMarker } = page;
      if (page.IsTruncated !== true || !NextKeyMarker || uploads.length > MOST_UPLOADS) break;
      if (NextKeyMarker === markers.KeyMarker && NextUploadIdMarker === markers.UploadIdMarker) break;
      markers = { KeyMarker: NextKeyMarker, ...(NextUploadIdMarker ? { UploadIdMarker: NextUploadIdMarker } : {}) };
    }
    return uploads.sort((a, b) => (a.initiated ?? 0) - (b.initiated ?? 0));
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  #send<T>(request: () => Promise<T>): Promise<T> {
    return this.#retries.run(request);
  }

  async #do<T>(at: ObjectLocation, use: StoreUse, request: () => Promise<T>): Promise<T> {
    try {
      return await this.#send(request);
    } catch (error) {
      throw storeError(error, storePath(at), use);
    }
  }
}

/** The object's metadata that has its mark: stores give names in lower case. */
const MARK = "coresieve-run";

function metadataOf(mark: string | undefined): { readonly Metadata?: Record<string, string> } {
  return mark === undefined ? {} : { Metadata: { [MARK]: mark } };
}

/** More unfinished uploads than anybody looks through. */
const MOST_UPLOADS = 10_000;

/** The MD5 of some bytes; `undefined` where the system forbids it (FIPS). */
export function md5(bytes: Uint8Array): Buffer | undefined {
  try {
    return createHash("md5").update(bytes).digest();
  } catch {
    return undefined;
  }
}

/** Whether a part that the store has is of these bytes: by size and MD5, or where the ETag is none (SSE-KMS) by CRC-32. */
export function isSame({ size, etag, crc32 }: StoredPart, bytes: Uint8Array): boolean {
  if (size !== bytes.length) return false;
  if (md5(bytes)?.toString("hex") === etag.replaceAll('"', "")) return true;
  if (crc32 === undefined) return false;
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32Of(bytes));
  return sum.toString("base64") === crc32;
}

/** The ETag that S3 gives an object of these parts: of their MD5s the MD5, and how many they are. */
export function compositeEtag(parts: readonly StoredPart[]): string | undefined {
  const digests = parts.map(({ etag }) => etag.replaceAll('"', ""));
  if (!digests.every((one) => /^[0-9a-f]{32}$/.test(one))) return undefined;
  const digest = md5(Buffer.from(digests.join(""), "hex"));
  return digest && `"${digest.toString("hex")}-${parts.length}"`;
}

function outputExists(at: ObjectLocation): DumpError {
  return new DumpError("OUTPUT_EXISTS", "is there already", {
    file: storePath(at),
    cure: "Use -f to overwrite it, or name another object",
  });
}

function unknownAnswer(at: ObjectLocation): DumpError {
  return new DumpError("NOT_WRITABLE", "the store's answer is none that S3 gives", {
    file: storePath(at),
    cure: "Check AWS_ENDPOINT_URL: is it that of an S3-compatible store?",
  });
}

/** The pieces of a body; one that stops without an end fails as if it were cut off. */
async function* unlessStalled(body: Readable, stalled: number): AsyncGenerator<Uint8Array, void, undefined> {
  const timer = setTimeout(() => {
    body.destroy(Object.assign(new Error("no byte came for a while"), { code: "ETIMEDOUT" }));
  }, stalled);
  try {
    for await (const chunk of body) {
      timer.refresh();
      yield chunk as Uint8Array;
    }
  } finally {
    clearTimeout(timer);
  }
}
