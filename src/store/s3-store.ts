import { DumpError } from "../errors.js";
import { bodyOf, cutOff, takeBody } from "./http-request.js";
import { expectAnswer, type MadeIfAbsent, markHeader } from "./s3-calls.js";
import { isSame, md5 } from "./s3-digests.js";
import { nameOf, statusOf, storeError, unknownAnswer } from "./s3-errors.js";
import { S3Uploads } from "./s3-uploads.js";
import { elements, textOf, timeIn } from "./s3-xml.js";
import type {
  ListedObject,
  ObjectInfo,
  ObjectLocation,
  ObjectStore,
  PutOptions,
  ReplaceOptions,
} from "./store-types.js";
import { storePath } from "./store-url.js";

/** Bytes of the beginning of an object that are requested without knowing its size. */
const BEGINNING = 2 ** 20;

/** An ETag for comparison: stores, and caches before them, may put quotes around it and mark it as weak. */
function bareTag(etag: string): string {
  return etag.replace(/^W\//, "").replaceAll('"', "");
}

/** A store with the S3 protocol. Used in the store thread. */
export class S3Store extends S3Uploads implements ObjectStore {
  async begin(at: ObjectLocation): Promise<(ObjectInfo & { readonly bytes: Uint8Array }) | undefined> {
    try {
      return await this.retries.run(async () => {
        const answer = await this.wire.ask({ method: "GET", at, headers: { range: `bytes=0-${BEGINNING - 1}` } });
        const { "content-range": range, etag = "" } = answer.headers;
        const bytes = await bodyOf(answer, BEGINNING, this.timeouts.body);
        // A store that does not support ranges sends everything; the length of a part is not the object's.
        const whole = answer.statusCode === 206 ? undefined : answer.headers["content-length"];
        const said = /^bytes 0-\d+\/(\d+)$/.exec(range ?? "")?.[1] ?? whole;
        if (said === undefined && bytes.length === BEGINNING)
          throw otherBytes(at, "does not say how long the object is");
        const size = Number(said ?? bytes.length);
        if (bytes.length < Math.min(size, BEGINNING)) throw cutOff();
        return { size, etag, bytes };
      });
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      // An empty object has no first byte.
      if (statusOf(error) === 416) return { size: 0, etag: "", bytes: new Uint8Array(0) };
      throw storeError(error, storePath(at), "read");
    }
  }

  async read(at: ObjectLocation, offset: number, into: Uint8Array, etag: string): Promise<void> {
    await this.stream(at, offset, into.length, etag, (chunk, done) => into.set(chunk, done));
  }

  /**
   * Bytes [offset, offset + length) in order: `take` gets each piece and its offset in the range. After a cut-off body
   * the rest is requested again; `onTry` is called before each request.
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
      const headers = {
        range: `bytes=${offset + done}-${offset + length - 1}`,
        "if-match": etag === "" ? undefined : etag,
      };
      const body = await this.wire.ask({ method: "GET", at, headers });
      const { "content-range": range, etag: sent } = body.headers;
      // A proxy's page, or a sign-in page. A store that gave an ETag gives it again.
      if (etag !== "" && sent === undefined && body.statusCode === 200) {
        body.destroy();
        throw otherBytes(at, "sent something else than the object");
      }
      // Some stores, and caches before them, ignore If-Match.
      if (etag !== "" && sent !== undefined && bareTag(sent) !== bareTag(etag)) {
        body.destroy();
        throw Object.assign(new Error("the answer has another ETag"), { name: "PreconditionFailed" });
      }
      // A store that does not support ranges sends everything, from the beginning on; a part says where it begins.
      const fits = range === undefined ? offset + done === 0 : range.startsWith(`bytes ${offset + done}-`);
      if (!fits) {
        body.destroy();
        throw otherBytes(at, wrongPart(body.statusCode, range));
      }
      const more = (chunk: Uint8Array) => {
        const bytes = chunk.subarray(0, length - done);
        if (bytes.length > 0) take(bytes, done);
        done += bytes.length;
        if (bytes.length < chunk.length) body.destroy();
      };
      await takeBody(body, more, this.timeouts.body);
      if (done < length) throw cutOff();
    };
    try {
      await this.retries.run(once, () => done > before);
    } catch (error) {
      // 416: the object is shorter than before, so it is another object.
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
    body: Uint8Array,
    { force, contentType, mark }: ReplaceOptions & PutOptions,
  ): Promise<void> {
    const headers = {
      "content-md5": md5(body)?.toString("base64"),
      "content-type": contentType,
      ...markHeader(mark),
      ...this.checksumOf(body),
    };
    let tries = 0;
    const send = async (condition: MadeIfAbsent) => {
      try {
        const sent = await this.retries.run(() => {
          tries++;
          return this.wire.taken({ method: "PUT", at, body, headers: { ...headers, ...condition } });
        });
        if (sent.etag === undefined) await this.#isThere(at, body.length, mark);
      } catch (error) {
        // The answer to an earlier try may have been lost: then the object is there, with these bytes and this mark.
        const there = tries > 1 && statusOf(error) === 412 ? await this.head(at) : undefined;
        if (there?.size === undefined || there.mark !== mark) throw error;
        if (!isSame({ number: 1, size: there.size, etag: there.etag }, body)) throw error;
      }
    };
    await this.unlessThere(at, force, send);
  }

  /** Throws `NOT_WRITABLE` if there is no such object: some stores confirm one without an ETag, as what is no store does. */
  async #isThere(at: ObjectLocation, size: number, mark: string | undefined): Promise<void> {
    const there = await this.head(at);
    if (there?.size !== size || there.mark !== mark) unknownAnswer(storePath(at));
  }

  async remove(at: ObjectLocation): Promise<void> {
    await this.do("write", { method: "DELETE", at });
  }

  async list(of: ObjectLocation): Promise<readonly ListedObject[]> {
    const objects: ListedObject[] = [];
    const at = { bucket: of.bucket, key: "" };
    let after: string | undefined;
    for (;;) {
      const query = { "list-type": 2, prefix: of.key, "continuation-token": after };
      const { text } = await this.do("write", { method: "GET", at, query }, of);
      expectAnswer(text, "ListBucketResult", of);
      for (const object of elements(text, "Contents")) {
        const key = textOf(object, "Key");
        if (key === undefined) continue;
        objects.push({ key, size: Number(textOf(object, "Size") ?? 0), modified: timeIn(object, "LastModified") });
      }
      const next = textOf(text, "NextContinuationToken");
      if (textOf(text, "IsTruncated") !== "true" || next === undefined || next === after) return objects;
      after = next;
    }
  }

  async close(): Promise<void> {
    // Connections are closed with the thread.
  }
}

function wrongPart(status: number | undefined, range: string | undefined): string {
  if (range !== undefined) return `sent another part of the object than was requested (${range})`;
  return status === 206 ? "does not say which part of the object it sent" : "sent the whole object instead of a part";
}

function otherBytes(at: ObjectLocation, what: string): DumpError {
  return new DumpError("NOT_READABLE", `the store ${what}`, {
    file: storePath(at),
    cure: "Look for a proxy in between that changes requests",
  });
}
