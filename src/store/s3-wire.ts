import type { IncomingMessage } from "node:http";
import { arrivingBody, bodyOf, cutOff, httpRequest, type StoreTimeouts, TIMEOUTS } from "./http-request.js";
import { areSame, type BucketPlace, type S3Access, type StoreCredentials } from "./s3-access.js";
import { answerHeader, haveExpired, statusOf, unknownAnswer } from "./s3-errors.js";
import { encoded, SigningKeys, signedHeaders } from "./s3-sign.js";
import type { ObjectLocation } from "./store-types.js";
import { storePath } from "./store-url.js";
import { isPage } from "./web-page.js";

/** A request to a store, for an object, or with an empty key for its bucket. */
export interface S3Request {
  readonly method: "HEAD" | "GET" | "PUT" | "POST" | "DELETE";
  readonly at: ObjectLocation;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Names in lower case; headers without a value are left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Not copied: it must not change until the answer arrives. */
  readonly body?: Uint8Array | undefined;
}

/**
 * A difference between this machine's clock and the store's, in milliseconds, from which on it is corrected; stores
 * refuse 15 minutes.
 */
const SKEW = 300_000;
/**
 * The most bytes of an answer in XML: a list of 1,000 keys of 1,024 bytes, each of which may be escaped with six
 * characters.
 */
const MOST_TEXT = 16 * 2 ** 20;
/** The most bytes that are looked at behind the head of an answer that confirms bytes: S3 has none there. */
const MOST_CONFIRMATION = 65_536;

/**
 * Sends signed requests to a store, each once. Throws errors with a status like `httpRequest`, system errors, and those
 * of `S3Access`.
 */
export class S3Wire {
  readonly #keys = new SigningKeys();
  /** How far the store's clock is ahead of this machine's, in milliseconds. */
  #ahead = 0;

  constructor(
    readonly access: S3Access,
    private readonly timeouts: StoreTimeouts = TIMEOUTS,
  ) {}

  /** The answer, when its head has arrived. The caller must read the body. */
  async ask(request: S3Request): Promise<IncomingMessage> {
    const place = await this.access.placeOf(request.at.bucket);
    const credentials = await place.credentials();
    try {
      return await this.#send(place, credentials, request);
    } catch (error) {
      if (haveExpired(error)) {
        const renewed = await place.credentials(credentials);
        if (areSame(renewed, credentials)) throw error;
        return this.#send(place, renewed, request);
      }
      this.#lookAtClock(error);
      const region = answerHeader(error, "x-amz-bucket-region");
      const elsewhere = (statusOf(error) ?? 500) < 500 && region !== undefined && region !== place.region;
      if (!elsewhere || !this.access.moved(request.at.bucket, region)) throw error;
      const there = await this.access.placeOf(request.at.bucket);
      return this.#send(there, await there.credentials(), request);
    }
  }

  /** The body of the answer as text, and its headers. */
  async text(request: S3Request): Promise<{ readonly text: string; readonly headers: IncomingMessage["headers"] }> {
    const answer = await this.ask(request);
    const body = await bodyOf(answer, MOST_TEXT, this.timeouts.idle);
    if (isPage(answer, body)) unknownAnswer(storePath(request.at));
    if (!answer.complete) throw cutOff();
    return { text: body.toString("utf8"), headers: answer.headers };
  }

  /**
   * The headers of an answer that says by its head that bytes were taken. What comes behind it, or does not come, is no reason
   * to send them again; but a page instead of it is no store's.
   */
  async taken(request: S3Request): Promise<IncomingMessage["headers"]> {
    const answer = await this.ask(request);
    const body = await arrivingBody(answer, MOST_CONFIRMATION, this.timeouts.idle);
    if (isPage(answer, body)) unknownAnswer(storePath(request.at));
    return answer.headers;
  }

  async #send(
    place: BucketPlace,
    credentials: StoreCredentials,
    { method, at, query = {}, headers = {}, body }: S3Request,
  ): Promise<IncomingMessage> {
    const given = Object.entries(headers).filter((one): one is [string, string] => one[1] !== undefined);
    const asked = Object.entries(query).filter(([, value]) => value !== undefined);
    const search = asked
      .map(([name, value]) => `${encoded(name)}=${encoded(String(value))}`)
      .sort()
      .join("&");
    const path = place.path + at.key.split("/").map(encoded).join("/");
    const signed = signedHeaders(
      place,
      credentials,
      { method, path, query: search, headers: Object.fromEntries(given), body },
      new Date(Date.now() + this.#ahead),
      this.#keys,
    );
    return httpRequest(
      {
        ...{ url: place.origin, method, body },
        path: search === "" ? path : `${path}?${search}`,
        headers: signed,
      },
      this.timeouts,
      0,
    );
  }

  /** Corrects the clock: answers that refuse a request contain the time. */
  #lookAtClock(error: unknown): void {
    const said = Date.parse(answerHeader(error, "date") ?? "");
    const ahead = said - Date.now();
    if (Number.isNaN(said) || Math.abs(ahead - this.#ahead) < SKEW) return;
    this.#ahead = ahead;
    Object.assign(error as object, { clockWasWrong: true });
  }
}
