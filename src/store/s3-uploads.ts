import { DumpError } from "../errors.js";
import { metadataOf, S3Calls } from "./s3-calls.js";
import { compositeEtag, md5 } from "./s3-digests.js";
import { nameOf, statusOf, storeError } from "./s3-errors.js";
import type { ObjectInfo, ObjectLocation, ReplaceOptions, StoredPart, UnfinishedUpload } from "./store-types.js";
import { storePath } from "./store-url.js";

/** Whether a request is refused for the want of `Content-MD5`, in the words of several stores. */
function wantsMd5(error: unknown): boolean {
  return statusOf(error) === 400 && ["InvalidRequest", "MissingContentMD5", "InvalidDigest"].includes(nameOf(error));
}

/** Multipart uploads: the second half of an `ObjectStore`. */
export class S3Uploads extends S3Calls {
  async createUpload(at: ObjectLocation, mark?: string): Promise<string> {
    const { UploadId } = await this.do(at, "write", () =>
      this.client.send(
        new this.sdk.CreateMultipartUploadCommand({
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

  /** The store wants MD5s of parts: AWS does for buckets with Object Lock. */
  #md5Wanted = false;

  /** The signature has the SHA-256 of the part, which every store compares: where the processor has instructions for it, in half the time of an MD5. */
  async uploadPart(at: ObjectLocation, uploadId: string, number: number, bytes: Uint8Array): Promise<StoredPart> {
    const send = (digest: Buffer | undefined) =>
      this.send(() =>
        this.client.send(
          new this.sdk.UploadPartCommand({
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
    const sendAnyhow = async () => {
      if (this.#md5Wanted) return send(md5(bytes));
      try {
        return await send(undefined);
      } catch (error) {
        const digest = wantsMd5(error) ? md5(bytes) : undefined;
        if (digest === undefined) throw error;
        this.#md5Wanted = true;
        return send(digest);
      }
    };
    const { ETag, ChecksumCRC32 } = await sendAnyhow().catch((error: unknown) => {
      throw storeError(error, storePath(at), "write");
    });
    if (ETag === undefined) throw unknownAnswer(at);
    return { number, size: bytes.length, etag: ETag, crc32: ChecksumCRC32 };
  }

  async listParts(at: ObjectLocation, uploadId: string): Promise<readonly StoredPart[] | undefined> {
    const parts: StoredPart[] = [];
    let marker: string | undefined;
    try {
      for (;;) {
        const page = await this.send(() =>
          this.client.send(
            new this.sdk.ListPartsCommand({
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
        return await this.send(() =>
          this.client.send(
            new this.sdk.CompleteMultipartUploadCommand({
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
    const { ETag } = await this.unlessThere(at, force, send);
    return { size, etag: ETag ?? "" };
  }

  async abortUpload(at: ObjectLocation, uploadId: string): Promise<void> {
    try {
      await this.send(() =>
        this.client.send(
          new this.sdk.AbortMultipartUploadCommand({ Bucket: at.bucket, Key: at.key, UploadId: uploadId }),
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
      const page = await this.do(at, "write", () =>
        this.client.send(new this.sdk.ListMultipartUploadsCommand({ Bucket: at.bucket, Prefix: at.key, ...markers })),
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
}

/** More unfinished uploads than anybody looks through. */
const MOST_UPLOADS = 10_000;

function unknownAnswer(at: ObjectLocation): DumpError {
  return new DumpError("NOT_WRITABLE", "the store's answer is not an answer of S3", {
    file: storePath(at),
    cure: "Check that AWS_ENDPOINT_URL is the address of an S3-compatible store",
  });
}
