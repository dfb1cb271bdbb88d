import type * as Sdk from "@aws-sdk/client-s3";
import { DumpError } from "../errors.js";

/** Variables of the environment that are looked at here; the SDK looks at more. */
export interface StoreEnvironment {
  readonly AWS_REGION?: string | undefined;
  readonly AWS_DEFAULT_REGION?: string | undefined;
  readonly AWS_ENDPOINT_URL?: string | undefined;
  readonly AWS_ENDPOINT_URL_S3?: string | undefined;
  readonly AWS_REQUEST_CHECKSUM_CALCULATION?: string | undefined;
  readonly AWS_RESPONSE_CHECKSUM_VALIDATION?: string | undefined;
  /** 1 or 0: whether the bucket stands in the path of a URL, or in its host name. */
  readonly CORESIEVE_S3_PATH_STYLE?: string | undefined;
}

/** The part of the AWS SDK that is used. */
export type S3Sdk = typeof Sdk;

/** Loads the SDK, which is installed by those who use stores. Throws `BAD_OPTION`. */
export async function loadSdk(): Promise<S3Sdk> {
  // The SDK says on stderr that it will give up old versions of Node: a matter of whoever installed it, told in its documentation.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
  try {
    return await import("@aws-sdk/client-s3");
  } catch (error) {
    throw new DumpError("BAD_OPTION", "s3:// needs the AWS SDK, which is not installed", {
      cure: "Run `npm i @aws-sdk/client-s3` where coresieve is installed (with -g if coresieve was)",
      cause: error,
    });
  }
}

/** How long is waited, in milliseconds. */
export interface StoreTimeouts {
  /** Until a connection stands. */
  readonly connect: number;
  /** While no byte comes or goes: an answer may take so long to begin. A slow upload is not cut off for being slow. */
  readonly idle: number;
  /** The same for the body of an answer, once it has begun. */
  readonly body: number;
}

export const TIMEOUTS: StoreTimeouts = { connect: 10_000, idle: 60_000, body: 30_000 };
/** More connections at once than requests. */
const SOCKETS = 64;

/** Whether a store other than AWS is named in the environment. */
function ownEndpoint(env: StoreEnvironment): boolean {
  return (env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL ?? "") !== "";
}

/** Stores of one's own mostly have no name per bucket; `CORESIEVE_S3_PATH_STYLE=0` or `=1` says otherwise. */
function pathStyle(env: StoreEnvironment): boolean {
  const said = env.CORESIEVE_S3_PATH_STYLE;
  return said === undefined || said === "" ? ownEndpoint(env) : said !== "0";
}

/** A client with region, credentials and endpoint from the usual environment, profiles included. */
export async function createClient(
  sdk: S3Sdk,
  env: StoreEnvironment = process.env,
  { connect, idle }: StoreTimeouts = TIMEOUTS,
): Promise<Sdk.S3Client> {
  const make = (region: string | undefined) =>
    new sdk.S3Client({
      ...(region === undefined ? {} : { region }),
      forcePathStyle: pathStyle(env),
      followRegionRedirects: !ownEndpoint(env),
      // Repeated by ourselves: one rule for requests and for bodies that are cut off.
      maxAttempts: 1,
      // Many stores refuse the trailers that the SDK would send by itself. The signature has the SHA-256 anyway.
      ...(env.AWS_REQUEST_CHECKSUM_CALCULATION ? {} : { requestChecksumCalculation: "WHEN_REQUIRED" as const }),
      ...(env.AWS_RESPONSE_CHECKSUM_VALIDATION ? {} : { responseChecksumValidation: "WHEN_REQUIRED" as const }),
      requestHandler: {
        connectionTimeout: connect,
        socketTimeout: idle,
        httpAgent: { maxSockets: SOCKETS, keepAlive: true },
        httpsAgent: { maxSockets: SOCKETS, keepAlive: true },
      },
    });
  let client = make(env.AWS_REGION || env.AWS_DEFAULT_REGION || undefined);
  try {
    await client.config.region();
  } catch {
    // No profile names one either. Other stores do not care, and AWS leads to the bucket's own region.
    client = make("us-east-1");
  }
  return client;
}
