import { expectAnswer, type MadeIfAbsent, markHeader, S3Calls } from "./s3-calls.js";
import { compositeEtag, crc32Text, md5 } from "./s3-digests.js";
import { mayBeDone, nameOf, statusOf, storeError, unknownAnswer } from "./s3-errors.js";
import { elements, textOf, timeIn, xmlText } from "./s3-xml.js";
import type {
  BegunUpload,
  ObjectInfo,
  ObjectLocation,
  ReplaceOptions,
  StoredPart,
  UnfinishedUpload,
} from "./store-types.js";
import { storePath } from "./store-url.js";

/** Whether a request was refused because `Content-MD5` is missing, in the words of several stores. */
function wantsMd5(error: unknown): boolean {
  return statusOf(error) === 400 && ["InvalidRequest", "MissingContentMD5", "InvalidDigest"].includes(nameOf(error));
}

/** Multipart uploads: the second half of an `ObjectStore`. */
export class S3Uploads extends S3Calls {
  async createUpload(at: ObjectLocation, mark?: string): Promise<BegunUpload> {
    const headers = {
      "content-type": "application/octet-stream",
      "x-amz-checksum-algorithm": this.wire.access.checksums ? "CRC32" : undefined,
      ...markHeader(mark),
    };
    let unanswered = 0;
    try {
      const { text } = await this.retries.run(async () => {
        try {
          return await this.wire.text({ method: "POST", at, query: { uploads: "" }, headers });
        } catch (error) {
          if (mayBeDone(error)) unanswered++;
          throw error;
        }
      });
      return { uploadId: textOf(text, "UploadId") ?? unknownAnswer(storePath(at)), unanswered };
    } catch (error) {
      throw storeError(error, storePath(at), "write");
    }
  }

  /** Whether the store requires MD5s of parts: AWS does for buckets with Object Lock. */
  #md5Wanted = false;

  /**
   * The signature contains the SHA-256 of the part, which every store checks. With processor instructions for it, it
   * takes half the time of an MD5.
   */
  async uploadPart(at: ObjectLocation, uploadId: string, number: number, body: Uint8Array): Promise<StoredPart> {
    const send = (digest: Buffer | undefined) =>
      this.retries.run(() =>
        this.wire.taken({
          ...{ method: "PUT", at, body },
          query: { partNumber: number, uploadId },
          headers: { "content-md5": digest?.toString("base64"), ...this.checksumOf(body) },
        }),
      );
    const sendAnyhow = async () => {
      if (this.#md5Wanted) return send(md5(body));
      try {
        return await send(undefined);
      } catch (error) {
        const digest = wantsMd5(error) ? md5(body) : undefined;
        if (digest === undefined) throw error;
        this.#md5Wanted = true;
        return send(digest);
      }
    };
    const headers = await sendAnyhow().catch((error: unknown) => {
      throw storeError(error, storePath(at), "write");
    });
    const crc32 = headers["x-amz-checksum-crc32"]?.toString();
    return { number, size: body.length, etag: headers.etag ?? unknownAnswer(storePath(at)), crc32 };
  }

  /** The header with the CRC-32 of a body, if CRC-32s are switched on. */
  protected checksumOf(body: Uint8Array): Readonly<Record<string, string>> {
    return this.wire.access.checksums ? { "x-amz-checksum-crc32": crc32Text(body) } : {};
  }

  async listParts(at: ObjectLocation, uploadId: string): Promise<readonly StoredPart[] | undefined> {
    const parts: StoredPart[] = [];
    let marker: string | undefined;
    try {
      for (;;) {
        const { text } = await this.send({
          ...{ method: "GET", at },
          query: { uploadId, "part-number-marker": marker },
        });
        expectAnswer(text, "ListPartsResult", at);
        for (const part of elements(text, "Part")) {
          const [number, size] = [Number(textOf(part, "PartNumber")), Number(textOf(part, "Size"))];
          const etag = textOf(part, "ETag");
          if (!Number.isSafeInteger(number) || !Number.isSafeInteger(size) || etag === undefined) continue;
          parts.push({ number, size, etag, crc32: textOf(part, "ChecksumCRC32") });
        }
        const next = textOf(text, "NextPartNumberMarker");
        if (textOf(text, "IsTruncated") !== "true" || next === undefined || next === marker) return parts;
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
    const list = parts.map(({ number, etag, crc32 }) => {
      const sum = crc32 === undefined ? "" : `<ChecksumCRC32>${xmlText(crc32)}</ChecksumCRC32>`;
      return `<Part><PartNumber>${number}</PartNumber><ETag>${xmlText(etag)}</ETag>${sum}</Part>`;
    });
    const space = "http://s3.amazonaws.com/doc/2006-03-01/";
    const body = Buffer.from(
      `<CompleteMultipartUpload xmlns="${space}">${list.join("")}</CompleteMultipartUpload>`,
      "utf8",
    );
    const send = async (condition: MadeIfAbsent) => {
      try {
        return await this.retries.run(async () => {
          const headers = { "content-type": "application/xml", ...condition };
          const { text } = await this.wire.text({ method: "POST", at, query: { uploadId }, headers, body });
          throwIfFailed(text, at);
          return textOf(text, "ETag");
        });
      } catch (error) {
        // The answer to an earlier try may have been lost: then the object is there, and these parts are in it.
        const done = ["NoSuchUpload", "PreconditionFailed"].includes(nameOf(error)) || statusOf(error) === 412;
        const there = done ? await this.head(at) : undefined;
        if (there === undefined || there.size !== size || there.etag !== compositeEtag(parts)) throw error;
        // Somebody else's object of the same bytes is one that was there: our upload still exists then.
        if ((await this.listParts(at, uploadId)) !== undefined) throw error;
        return there.etag;
      }
    };
    return { size, etag: (await this.unlessThere(at, force, send)) ?? "" };
  }

  async abortUpload(at: ObjectLocation, uploadId: string): Promise<void> {
    try {
      await this.send({ method: "DELETE", at, query: { uploadId } });
    } catch (error) {
      if (statusOf(error) !== 404) throw storeError(error, storePath(at), "write");
    }
  }

  async listUploads(of: ObjectLocation): Promise<readonly UnfinishedUpload[]> {
    const uploads: UnfinishedUpload[] = [];
    const { bucket, key: prefix } = of;
    const at = { bucket, key: "" };
    let [key, id]: (string | undefined)[] = [];
    for (;;) {
      const query = { uploads: "", prefix, "key-marker": key, "upload-id-marker": id };
      const { text } = await this.do("write", { method: "GET", at, query }, of);
      expectAnswer(text, "ListMultipartUploadsResult", of);
      for (const upload of elements(text, "Upload")) {
        const [key, uploadId] = [textOf(upload, "Key"), textOf(upload, "UploadId")];
        if (key === undefined || uploadId === undefined) continue;
        uploads.push({ bucket, key, uploadId, initiated: timeIn(upload, "Initiated") });
      }
      const [nextKey, nextId] = [textOf(text, "NextKeyMarker"), textOf(text, "NextUploadIdMarker") || undefined];
      if (textOf(text, "IsTruncated") !== "true" || !nextKey || uploads.length > MOST_UPLOADS) break;
      if (nextKey === key && nextId === id) break;
      [key, id] = [nextKey, nextId];
    }
    return uploads.sort((a, b) => (a.initiated ?? 0) - (b.initiated ?? 0));
  }
}

/** More unfinished uploads than anybody looks through. */
const MOST_UPLOADS = 10_000;

/** What takes a store long is answered with 200 before it is done; if it fails after that, only the body says so, or ends. */
function throwIfFailed(text: string, at: ObjectLocation): void {
  const [failure] = elements(text, "Error");
  if (failure !== undefined) {
    const message = textOf(failure, "Message") ?? "";
    throw Object.assign(new Error(message), { name: textOf(failure, "Code") ?? "InternalError" });
  }
  if (text.replace(/^\s*<\?xml[^>]*\?>/, "").trim() === "")
    throw Object.assign(new Error("the store gave up"), { name: "InternalError" });
  expectAnswer(text, "CompleteMultipartUploadResult", at);
}
