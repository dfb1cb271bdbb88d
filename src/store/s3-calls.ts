import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import { type StoreTimeouts, TIMEOUTS } from "./http-request.js";
import { Retries } from "./retry.js";
import type { S3Access } from "./s3-access.js";
import { isNotImplemented, type StoreUse, statusOf, storeError, unknownAnswer } from "./s3-errors.js";
import { type S3Request, S3Wire } from "./s3-wire.js";
import type { FoundObject, ObjectLocation } from "./store-types.js";
import { storePath } from "./store-url.js";

/** The header that makes an object only if there is none. */
export type MadeIfAbsent = { readonly "if-none-match"?: "*" };

/** Requests to a store, repeated by `Retries`. Used in the store thread. */
export class S3Calls {
  protected readonly timeouts: StoreTimeouts;
  protected readonly wire: S3Wire;
  protected readonly retries = new Retries();

  /** `timeouts`: see `StoreTimeouts`. */
  constructor(access: S3Access, timeouts: Partial<StoreTimeouts> = {}) {
    this.timeouts = { ...TIMEOUTS, ...timeouts };
    this.wire = new S3Wire(access, this.timeouts);
  }

  async head(at: ObjectLocation): Promise<FoundObject | undefined> {
    try {
      return await this.#head(at);
    } catch (error) {
      // A missing bucket looks the same; writing to it will report that.
      if (statusOf(error) === 404) return undefined;
      const reason = await this.#reason(at, error);
      if (reason !== undefined) throw storeError(reason, storePath(at), "read");
    }
    // The GET may have renewed credentials, of which an answer to HEAD cannot say that they are too old.
    try {
      return await this.#head(at);
    } catch (error) {
      throw storeError(error, storePath(at), "read");
    }
  }

  async #head(at: ObjectLocation): Promise<FoundObject> {
    const { headers } = await this.send({ method: "HEAD", at });
    const length = headers["content-length"];
    if (length === undefined && headers.etag === undefined) unknownAnswer(storePath(at), "NOT_READABLE");
    return {
      size: length === undefined ? undefined : Number(length),
      etag: headers.etag ?? "",
      mark: headers[MARK]?.toString(),
    };
  }

  /**
   * Answers to HEAD have no body, and so no reason. A GET for one byte of the same object has one; `undefined`: the
   * store answered it.
   */
  async #reason(at: ObjectLocation, error: unknown): Promise<unknown> {
    const status = statusOf(error);
    if (status === undefined || status >= 500) return error;
    try {
      (await this.wire.ask({ method: "GET", at, headers: { range: "bytes=0-0" } })).destroy();
      return undefined;
    } catch (told) {
      return statusOf(told) === status ? told : error;
    }
  }

  /**
   * A request that makes an object only if there is none. If the store does not support conditions, checks that before.
   */
  protected async unlessThere<T>(
    at: ObjectLocation,
    force: boolean,
    send: (condition: MadeIfAbsent) => Promise<T>,
  ): Promise<T> {
    try {
      if (force) return await send({});
      try {
        return await send({ "if-none-match": "*" });
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

  /** Sends a request, and repeats it after temporary failures. */
  protected send(request: S3Request): ReturnType<S3Wire["text"]> {
    return this.retries.run(() => this.wire.text(request));
  }

  /** Like `send`; errors are reported for the object `of`. */
  protected async do(use: StoreUse, request: S3Request, of: ObjectLocation = request.at): ReturnType<S3Wire["text"]> {
    try {
      return await this.send(request);
    } catch (error) {
      throw storeError(error, storePath(of), use);
    }
  }
}

/** The metadata header with an object's mark: stores return names in lower case. */
const MARK = "x-amz-meta-coresieve-run";

/** Headers that give an object this mark. */
export function markHeader(mark: string | undefined): Readonly<Record<string, string | undefined>> {
  return { [MARK]: mark };
}

/** Throws `NOT_WRITABLE` for an answer in XML whose outermost element is another one, such as a page of a proxy. */
export function expectAnswer(text: string, element: string, at: ObjectLocation): void {
  const [, name] = /^\s*(?:<\?xml[^>]*\?>)?\s*<(?:[\w.-]+:)?(\w+)[\s/>]/.exec(text) ?? [];
  if (name !== element) unknownAnswer(storePath(at));
}

function outputExists(at: ObjectLocation): DumpError {
  return new DumpError("OUTPUT_EXISTS", "exists already", {
    file: storePath(at),
    cure: `Use ${OPTION.force} to overwrite it, or name another object`,
  });
}
