import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import { type StoreTimeouts, TIMEOUTS } from "./http-request.js";
import { Retries } from "./retry.js";
import type { S3Access } from "./s3-access.js";
import { isNotImplemented, type StoreUse, statusOf, storeError } from "./s3-errors.js";
import { type S3Request, S3Wire } from "./s3-wire.js";
import type { ObjectInfo, ObjectLocation } from "./store-types.js";
import { storePath } from "./store-url.js";

/** The header by which an object is made only where there is none. */
export type MadeIfAbsent = { readonly "if-none-match"?: "*" };

/** Requests to a store, repeated as `Retries` says. Lives in the store thread. */
export class S3Calls {
  protected readonly timeouts: StoreTimeouts;
  protected readonly wire: S3Wire;
  protected readonly retries = new Retries();

  /** A body of which no byte comes for so long counts as cut off. */
  constructor(access: S3Access, timeouts: Partial<StoreTimeouts> = {}) {
    this.timeouts = { ...TIMEOUTS, ...timeouts };
    this.wire = new S3Wire(access, this.timeouts);
  }

  async head(at: ObjectLocation): Promise<ObjectInfo | undefined> {
    try {
      const { headers } = await this.send({ method: "HEAD", at });
      return {
        size: Number(headers["content-length"] ?? 0),
        etag: headers.etag ?? "",
        mark: headers[MARK]?.toString(),
      };
    } catch (error) {
      // A missing bucket looks the same: writing to it will say so.
      if (statusOf(error) === 404) return undefined;
      throw storeError(await this.#reason(at, error), storePath(at), "read");
    }
  }

  /** Answers to HEAD have no body, and so do not say why: the same asked by GET, for one byte, does. */
  async #reason(at: ObjectLocation, error: unknown): Promise<unknown> {
    const status = statusOf(error);
    if (status === undefined || status >= 500) return error;
    try {
      (await this.wire.ask({ method: "GET", at, headers: { range: "bytes=0-0" } })).destroy();
      return error;
    } catch (told) {
      return statusOf(told) === status ? told : error;
    }
  }

  /** A request that makes an object, on condition that there is none; where the store knows no conditions a look comes before. */
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

  /** Repeats what failed for a passing reason. */
  protected send(request: S3Request): ReturnType<S3Wire["text"]> {
    return this.retries.run(() => this.wire.text(request));
  }

  /** The same; what it failed with is said of that object. */
  protected async do(use: StoreUse, request: S3Request, of: ObjectLocation = request.at): ReturnType<S3Wire["text"]> {
    try {
      return await this.send(request);
    } catch (error) {
      throw storeError(error, storePath(of), use);
    }
  }
}

/** The object's metadata that has its mark: stores give names in lower case. */
const MARK = "x-amz-meta-coresieve-run";

/** Headers of an object with that mark. */
export function markHeader(mark: string | undefined): Readonly<Record<string, string | undefined>> {
  return { [MARK]: mark };
}

function outputExists(at: ObjectLocation): DumpError {
  return new DumpError("OUTPUT_EXISTS", "exists already", {
    file: storePath(at),
    cure: `Use ${OPTION.force} to overwrite it, or name another object`,
  });
}
