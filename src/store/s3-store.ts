import type { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { DumpError } from "../errors.js";
import { takeBody } from "./http-request.js";
import { PlainGets } from "./plain-gets.js";
import { metadataOf } from "./s3-calls.js";
import { type S3Sdk, type StoreTimeouts, TIMEOUTS } from "./s3-client.js";
import { md5 } from "./s3-digests.js";
import { nameOf, statusOf, storeError } from "./s3-errors.js";
import { S3Uploads } from "./s3-uploads.js";
import type { ListedObject, ObjectLocation, ObjectStore, PutOptions, ReplaceOptions } from "./store-types.js";
import { storePath } from "./store-url.js";

/** The answer to a GET: its body, and `Content-Range`. */
interface Answer {
  readonly body: Readable;
  readonly range: string | undefined;
  readonly etag: string | undefined;
}

/** An ETag as it is compared: stores, and caches before them, put quotes around it or not, and mark it as weak. */
function bareTag(etag: string): string {
  return etag.replace(/^W\//, "").replaceAll('"', "");
}

/** A store through the AWS SDK. Lives in the store thread. */
export class S3Store extends S3Uploads implements ObjectStore {
  readonly #timeouts: StoreTimeouts;
  readonly #gets: PlainGets;

  /** A body of which no byte comes for so long counts as cut off. */
  constructor(sdk: S3Sdk, client: S3Client, timeouts: Partial<StoreTimeouts> = {}) {
    super(sdk, client);
    this.#timeouts = { ...TIMEOUTS, ...timeouts };
    this.#gets = new PlainGets(client, this.#timeouts);
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
      const { body, range, etag: sent } = await this.#get(at, offset + done, offset + length - 1, etag);
      // Some stores, and caches before them, do not look at If-Match.
      if (etag !== "" && sent !== undefined && bareTag(sent) !== bareTag(etag)) {
        body.destroy();
        throw Object.assign(new Error("the answer has another ETag"), { name: "PreconditionFailed" });
      }
      if (range !== undefined && !range.startsWith(`bytes ${offset + done}-`)) {
        body.destroy();
        throw new DumpError("NOT_READABLE", `the store sent other bytes (${range}) than those asked for`, {
          file: storePath(at),
          cure: "Look for a proxy in between that changes requests",
        });
      }
      const more = (chunk: Uint8Array) => {
        const bytes = chunk.subarray(0, length - done);
        if (bytes.length > 0) take(bytes, done);
        done += bytes.length;
        // A store that knows no ranges sends all of it.
        if (bytes.length < chunk.length) body.destroy();
      };
      await takeBody(body, more, this.#timeouts.body);
      if (done < length)
        throw Object.assign(new Error("the answer is cut off"), { code: "ERR_STREAM_PREMATURE_CLOSE" });
    };
    try {
      await this.retries.run(once, () => done > before);
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

  /** Bytes [first, last], by a plain request where one is known to do. */
  async #get(at: ObjectLocation, first: number, last: number, etag: string): Promise<Answer> {
    const range = `bytes=${first}-${last}`;
    const plain = await this.#gets.get(at, { range, ...(etag === "" ? {} : { "if-match": etag }) });
    if (plain !== undefined) {
      return { body: plain, range: plain.headers["content-range"], etag: plain.headers.etag };
    }
    const { Body, ContentRange, ETag } = await this.client.send(
      new this.sdk.GetObjectCommand({
        Bucket: at.bucket,
        Key: at.key,
        Range: range,
        ...(etag === "" ? {} : { IfMatch: etag }),
      }),
    );
    return { body: Body as Readable, range: ContentRange, etag: ETag };
  }

  async put(
    at: ObjectLocation,
    bytes: Uint8Array,
    { force, contentType, mark }: ReplaceOptions & PutOptions,
  ): Promise<void> {
    const digest = md5(bytes);
    const send = (condition: object) =>
      this.send(() =>
        this.client.send(
          new this.sdk.PutObjectCommand({
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
    await this.unlessThere(at, force, send);
  }

  async remove(at: ObjectLocation): Promise<void> {
    await this.do(at, "write", () =>
      this.client.send(new this.sdk.DeleteObjectCommand({ Bucket: at.bucket, Key: at.key })),
    );
  }

  async list(at: ObjectLocation): Promise<readonly ListedObject[]> {
    const objects: ListedObject[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await this.do(at, "write", () =>
        this.client.send(
          new this.sdk.ListObjectsV2Command({
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

  async close(): Promise<void> {
    this.client.destroy();
  }
}
