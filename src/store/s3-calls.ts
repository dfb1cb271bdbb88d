import type { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import { Retries } from "./retry.js";
import type { S3Sdk } from "./s3-client.js";
import { isNotImplemented, type StoreUse, statusOf, storeError } from "./s3-errors.js";
import type { ObjectInfo, ObjectLocation } from "./store-types.js";
import { storePath } from "./store-url.js";

/** Requests to a store through the AWS SDK, repeated as `Retries` says. Lives in the store thread. */
export class S3Calls {
  protected readonly sdk: S3Sdk;
  protected readonly client: S3Client;
  protected readonly retries = new Retries();

  constructor(sdk: S3Sdk, client: S3Client) {
    this.sdk = sdk;
    this.client = client;
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
    const get = new this.sdk.GetObjectCommand({ Bucket: bucket, Key: key, Range: "bytes=0-0" });
    return this.client.send(get).then(
      ({ Body }) => {
        (Body as Readable).destroy();
        return error;
      },
      (told: unknown) => (statusOf(told) === status ? told : error),
    );
  }

  async #head({ bucket, key }: ObjectLocation): Promise<ObjectInfo> {
    const found = await this.send(() => this.client.send(new this.sdk.HeadObjectCommand({ Bucket: bucket, Key: key })));
    return { size: found.ContentLength ?? 0, etag: found.ETag ?? "", mark: found.Metadata?.[MARK] };
  }

  /** A request that makes an object, on condition that there is none; where the store knows no conditions a look comes before. */
  protected async unlessThere<T>(
    at: ObjectLocation,
    force: boolean,
    send: (condition: object) => Promise<T>,
  ): Promise<T> {
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

  /** Repeats what failed for a passing reason. */
  protected send<T>(request: () => Promise<T>): Promise<T> {
    return this.retries.run(request);
  }

  /** The same; what it failed with is said of that object. */
  protected async do<T>(at: ObjectLocation, use: StoreUse, request: () => Promise<T>): Promise<T> {
    try {
      return await this.send(request);
    } catch (error) {
      throw storeError(error, storePath(at), use);
    }
  }
}

/** The object's metadata that has its mark: stores give names in lower case. */
const MARK = "coresieve-run";

/** The metadata of an object with that mark, as the SDK takes them. */
export function metadataOf(mark: string | undefined): { readonly Metadata?: Record<string, string> } {
  return mark === undefined ? {} : { Metadata: { [MARK]: mark } };
}

function outputExists(at: ObjectLocation): DumpError {
  return new DumpError("OUTPUT_EXISTS", "exists already", {
    file: storePath(at),
    cure: `Use ${OPTION.force} to overwrite it, or name another object`,
  });
}
