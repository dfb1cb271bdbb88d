import { createHash, createHmac } from "node:crypto";
import type { BucketPlace, StoreCredentials } from "./s3-access.js";

/** The parts of a request that are signed, in addition to its address. */
export interface Unsigned {
  readonly method: string;
  /** Encoded, as sent. */
  readonly path: string;
  readonly query: string;
  /** Names in lower case, without `host`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
/** SHA-256 of an empty body, as of a GET. */
const EMPTY = createHash("sha256").digest("hex");

/** The headers of a request with its signature: version 4, as AWS describes it ("Create a signed AWS API request"). */
export function signedHeaders(
  { origin, region, service, tokenHeader }: BucketPlace,
  { accessKeyId, secretAccessKey, sessionToken }: StoreCredentials,
  { method, path, query, headers: given, body }: Unsigned,
  now: Date,
  keys: SigningKeys,
): Record<string, string> {
  const time = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
  const day = time.slice(0, 8);
  const digest = body === undefined ? EMPTY : createHash("sha256").update(body).digest("hex");
  const headers: Record<string, string> = {
    ...given,
    host: origin.host,
    "x-amz-content-sha256": digest,
    "x-amz-date": time,
    ...(sessionToken === undefined ? {} : { [tokenHeader]: sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const listed = names.map((name) => `${name}:${(headers[name] as string).trim()}\n`).join("");
  const request = [method, path, query, listed, names.join(";"), digest].join("\n");
  const place = `${day}/${region}/${service}/aws4_request`;
  const text = [ALGORITHM, time, place, createHash("sha256").update(request).digest("hex")].join("\n");
  const signature = hmac(keys.of(secretAccessKey, place), text).toString("hex");
  headers["authorization"] =
    `${ALGORITHM} Credential=${accessKeyId}/${place}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return headers;
}

/** Signing keys. The key for a day and place needs four digests, so the last one is kept. */
export class SigningKeys {
  #last: { readonly secret: string; readonly place: string; readonly key: Buffer } | undefined;

  /** `place` is DAY/REGION/SERVICE/aws4_request. */
  of(secret: string, place: string): Buffer {
    if (this.#last?.secret !== secret || this.#last.place !== place) {
      this.#last = { secret, place, key: place.split("/").reduce<Buffer>(hmac, Buffer.from(`AWS4${secret}`)) };
    }
    return this.#last.key;
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** Encodes paths and queries like AWS: all characters but letters, digits and "-._~". */
export function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
