import { createHash, createHmac } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { S3Client } from "@aws-sdk/client-s3";
import { httpRequest } from "./http-request.js";
import type { StoreTimeouts } from "./s3-client.js";
import { statusOf } from "./s3-errors.js";
import type { ObjectLocation } from "./store-types.js";

/** A request as the SDK sends it, signed. */
interface SentRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where an object is, and with which scope requests for it are signed; `undefined`: they are not signed. */
interface Target {
  readonly url: URL;
  readonly scope: { readonly region: string; readonly service: string } | undefined;
}

/** Objects whose place is remembered. */
const MOST_TARGETS = 64;
/** Answers of which the SDK makes more: another region, a clock that is wrong, credentials that have run out. It asks once more then. */
const FOR_THE_SDK = new Set([301, 302, 307, 308, 400, 401, 403]);
const ALGORITHM = "AWS4-HMAC-SHA256";
/** SHA-256 of nothing, which is what the body of a GET is. */
const EMPTY = createHash("sha256").digest("hex");

/**
 * GETs of objects without the SDK's client, which costs more for each request and each piece of a body than the rest of reading together
 * (bench/range-reader.mjs). Where an object is, and how it is signed for, is seen from the SDK's own requests; what those have that is not known here is left to it.
 */
export class PlainGets {
  readonly #client: S3Client;
  readonly #timeouts: StoreTimeouts;
  readonly #targets = new Map<string, Target>();

  constructor(client: S3Client, timeouts: StoreTimeouts) {
    this.#client = client;
    this.#timeouts = timeouts;
    client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          const { Bucket, Key } = args.input as { readonly Bucket?: string; readonly Key?: string };
          const isRead = commandName === "HeadObjectCommand" || commandName === "GetObjectCommand";
          if (isRead && Bucket !== undefined && Key !== undefined) {
            this.#learn({ bucket: Bucket, key: Key }, args.request as SentRequest);
          }
          return next(args);
        },
      { step: "deserialize", priority: "low", name: "placesOfObjects" },
    );
  }

  #learn(at: ObjectLocation, { protocol, hostname, port, path, headers }: SentRequest): void {
    const name = nameOf(at);
    this.#targets.delete(name);
    const authorization = headers["authorization"];
    const scope = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request,/.exec(
      authorization ?? "",
    );
    // Other signatures, and checksums that the SDK was told to look at, are its own.
    if ((authorization !== undefined && scope === null) || headers["x-amz-checksum-mode"] !== undefined) return;
    if (Object.keys(headers).some((one) => one.startsWith("x-amz-s3session"))) return;
    const url = new URL(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}`);
    // A key with "/../" in it is another one to URL.
    if (url.pathname !== path || url.search !== "") return;
    const [, region = "", service = ""] = scope ?? [];
    this.#targets.set(name, { url, scope: scope === null ? undefined : { region, service } });
    if (this.#targets.size > MOST_TARGETS) this.#targets.delete(this.#targets.keys().next().value as string);
  }

  /** The answer to a GET with these headers; `undefined`: the SDK is to ask. Throws errors with a status as the SDK's have, and system errors. */
  async get(at: ObjectLocation, headers: Readonly<Record<string, string>>): Promise<IncomingMessage | undefined> {
    const target = this.#targets.get(nameOf(at));
    if (target === undefined) return undefined;
    const { url } = target;
    try {
      const signed = await this.#signed(target, headers);
      return await httpRequest({ url, method: "GET", headers: signed }, this.#timeouts, 0);
    } catch (error) {
      if (!FOR_THE_SDK.has(statusOf(error) ?? 0)) throw error;
      this.#targets.delete(nameOf(at));
      return undefined;
    }
  }

  /** Signature version 4, as AWS describes it ("Create a signed AWS API request"). */
  async #signed({ url, scope }: Target, given: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    if (scope === undefined) return { ...given };
    const { config } = this.#client;
    const { accessKeyId, secretAccessKey, sessionToken } = await config.credentials();
    const now = new Date(Date.now() + config.systemClockOffset);
    const time = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
    const day = time.slice(0, 8);
    const headers: Record<string, string> = {
      ...given,
      host: url.host,
      "x-amz-content-sha256": EMPTY,
      "x-amz-date": time,
      ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken }),
    };
    const names = Object.keys(headers).sort();
    const listed = names.map((name) => `${name}:${(headers[name] as string).trim()}\n`).join("");
    const request = ["GET", url.pathname, "", listed, names.join(";"), EMPTY].join("\n");
    const { region, service } = scope;
    const place = `${day}/${region}/${service}/aws4_request`;
    const text = [ALGORITHM, time, place, createHash("sha256").update(request).digest("hex")].join("\n");
    const key = [day, region, service, "aws4_request"].reduce<Buffer>(hmac, Buffer.from(`AWS4${secretAccessKey}`));
    const signature = hmac(key, text).toString("hex");
    headers["authorization"] =
      `${ALGORITHM} Credential=${accessKeyId}/${place}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
    return headers;
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function nameOf({ bucket, key }: ObjectLocation): string {
  return `${bucket}/${key}`;
}
