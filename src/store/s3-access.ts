import type * as Sdk from "@aws-sdk/client-s3";
import { DumpError } from "../errors.js";

/** Variables of the environment that are looked at here; the SDK looks at more. */
export interface StoreEnvironment {
  readonly AWS_REGION?: string | undefined;
  readonly AWS_DEFAULT_REGION?: string | undefined;
  readonly AWS_ENDPOINT_URL?: string | undefined;
  readonly AWS_ENDPOINT_URL_S3?: string | undefined;
  readonly AWS_ACCESS_KEY_ID?: string | undefined;
  readonly AWS_SECRET_ACCESS_KEY?: string | undefined;
  readonly AWS_SESSION_TOKEN?: string | undefined;
  readonly AWS_PROFILE?: string | undefined;
  readonly AWS_IGNORE_CONFIGURED_ENDPOINT_URLS?: string | undefined;
  readonly AWS_USE_FIPS_ENDPOINT?: string | undefined;
  readonly AWS_USE_DUALSTACK_ENDPOINT?: string | undefined;
  readonly AWS_REQUEST_CHECKSUM_CALCULATION?: string | undefined;
  /** 1 or 0: whether the bucket stands in the path of a URL, or in its host name. */
  readonly CORESIEVE_S3_PATH_STYLE?: string | undefined;
}

/** Who asks. */
export interface StoreCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** Where a bucket is, and how requests for it are signed. */
export interface BucketPlace {
  /** Scheme, host and port. */
  readonly origin: URL;
  /** What stands before a key in the path, encoded: "/", or "/BUCKET/". */
  readonly path: string;
  readonly region: string;
  readonly service: string;
  /** The header with the session token. */
  readonly tokenHeader: "x-amz-security-token" | "x-amz-s3session-token";
  credentials(): Promise<StoreCredentials>;
}

/** A key that stands for all others where the SDK is asked for the place of a bucket. */
const SOME_KEY = "key";

/**
 * Where buckets are, and who asks: from the environment where it says all of that; otherwise from the AWS SDK, which also knows AWS's regions, profiles, roles
 * and what a machine is given. The SDK is loaded for nothing else (it takes 0.25 s), and sends no request for an object.
 */
export class S3Access {
  readonly #env: StoreEnvironment;
  readonly #places = new Map<string, Promise<BucketPlace>>();

  constructor(env: StoreEnvironment = process.env) {
    this.#env = env;
  }

  /** Whether requests are to have CRC-32s. */
  get checksums(): boolean {
    return /^when_supported$/i.test(this.#env.AWS_REQUEST_CHECKSUM_CALCULATION ?? "");
  }

  /** Throws `BAD_OPTION` where the SDK is needed and not installed, and the SDK's errors. */
  placeOf(bucket: string): Promise<BucketPlace> {
    const known = this.#places.get(bucket);
    if (known !== undefined) return known;
    const { AWS_REGION, AWS_DEFAULT_REGION } = this.#env;
    const region = AWS_REGION || AWS_DEFAULT_REGION || undefined;
    const plain = plainPlace(this.#env, bucket, region);
    const place = plain === undefined ? sdkPlace(this.#env, bucket, region) : Promise.resolve(plain);
    this.#places.set(bucket, place);
    // Roles and profiles may be there a little later.
    place.catch(() => this.#places.delete(bucket));
    return place;
  }

  /** AWS says that a bucket is in another region than it was asked for in. Returns whether it is asked there from now on. */
  moved(bucket: string, region: string): boolean {
    if (ownEndpoint(this.#env) !== undefined || !/^[a-z0-9-]{1,40}$/.test(region)) return false;
    this.#places.set(bucket, sdkPlace(this.#env, bucket, region));
    return true;
  }
}

/** The store that the environment names, if that is not AWS. */
function ownEndpoint({ AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL }: StoreEnvironment): string | undefined {
  return (AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL) || undefined;
}

/** Stores of one's own mostly have no name per bucket; `CORESIEVE_S3_PATH_STYLE=0` or `=1` says otherwise. */
function pathStyle(env: StoreEnvironment): boolean {
  const said = env.CORESIEVE_S3_PATH_STYLE;
  return said === undefined || said === "" ? ownEndpoint(env) !== undefined : said !== "0";
}

/** A place of which the environment says all; `undefined`: it does not, or in a way that is the SDK's to understand. */
function plainPlace(env: StoreEnvironment, bucket: string, region: string | undefined): BucketPlace | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = env;
  const endpoint = ownEndpoint(env);
  if (!accessKeyId || !secretAccessKey || env.AWS_PROFILE || region === undefined) return undefined;
  if (env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS || env.AWS_USE_FIPS_ENDPOINT || env.AWS_USE_DUALSTACK_ENDPOINT)
    return undefined;
  if (endpoint === undefined || !pathStyle(env) || !URL.canParse(endpoint)) return undefined;
  const url = new URL(endpoint);
  if (!/^https?:$/.test(url.protocol) || url.search !== "" || url.username !== "") return undefined;
  // Others are access points and directory buckets.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(bucket) || bucket.endsWith("--x-s3")) return undefined;
  const credentials = { accessKeyId, secretAccessKey, sessionToken: AWS_SESSION_TOKEN || undefined };
  return {
    origin: new URL(url.origin),
    path: `${url.pathname.replace(/\/$/, "")}/${bucket}/`,
    ...{ region, service: "s3", tokenHeader: "x-amz-security-token" },
    credentials: async () => credentials,
  };
}

/** Loads the SDK, which is installed by those who use stores of AWS. Throws `BAD_OPTION`. */
async function loadSdk(): Promise<typeof Sdk> {
  // The SDK says on stderr that it will give up old versions of Node: a matter of whoever installed it, told in its documentation.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
  try {
    return await import("@aws-sdk/client-s3");
  } catch (error) {
    throw new DumpError("BAD_OPTION", "s3:// needs the AWS SDK here, which is not installed", {
      cure: "Run `npm i @aws-sdk/client-s3` where coresieve is installed (with -g if coresieve was); or set AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
      cause: error,
    });
  }
}

/** A request as the SDK would send it, signed. */
interface SignedRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the SDK knows of a bucket, with region, credentials and endpoint from the usual environment, profiles included: seen from a request that it would send. */
async function sdkPlace(env: StoreEnvironment, bucket: string, region: string | undefined): Promise<BucketPlace> {
  const sdk = await loadSdk();
  const make = (region: string | undefined) =>
    new sdk.S3Client({ ...(region === undefined ? {} : { region }), forcePathStyle: pathStyle(env), maxAttempts: 1 });
  let client = make(region);
  try {
    await client.config.region();
  } catch {
    // No profile names one either. Other stores do not care, and AWS leads to the bucket's own region.
    client = make("us-east-1");
  }
  let seen: SignedRequest | undefined;
  client.middlewareStack.add(
    (next, { commandName }) =>
      (args) => {
        if (commandName !== "HeadObjectCommand") return next(args);
        seen = args.request as SignedRequest;
        throw new Error("seen enough");
      },
    { step: "deserialize", priority: "low" },
  );
  await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: SOME_KEY })).catch((error: unknown) => {
    if (seen === undefined) throw error;
  });
  const { protocol, hostname, port, path, headers } = seen as unknown as SignedRequest;
  const signed = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request,/.exec(
    headers["authorization"] ?? "",
  );
  if (signed === null || !path.endsWith(`/${SOME_KEY}`)) {
    throw new DumpError("BAD_OPTION", `${bucket} is a kind of bucket that is signed for in another way`, {
      cure: "Use another bucket, or an access point of one region",
    });
  }
  const [, signedRegion = "", service = ""] = signed;
  const { config } = client;
  // Directory buckets (S3 Express) are asked with a session's credentials, which the SDK opens and keeps open.
  const inSession = "x-amz-s3session-token" in headers;
  const session = async () =>
    config.s3ExpressIdentityProvider.getS3ExpressIdentity(await config.credentials(), { Bucket: bucket });
  return {
    origin: new URL(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`),
    path: path.slice(0, -SOME_KEY.length),
    ...{ region: signedRegion, service },
    tokenHeader: inSession ? "x-amz-s3session-token" : "x-amz-security-token",
    credentials: inSession ? session : () => config.credentials(),
  };
}
