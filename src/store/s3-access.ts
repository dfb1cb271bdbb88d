import type * as Sdk from "@aws-sdk/client-s3";
import { DumpError } from "../errors.js";
import { credentialsError } from "./s3-errors.js";

/** Variables of the environment that this file reads; the SDK reads more. */
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
  /** 1 or 0: whether the bucket is in the path of a URL, or in its host name. */
  readonly CORESIEVE_S3_PATH_STYLE?: string | undefined;
}

/** The credentials of the requests. */
export interface StoreCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** The address of a bucket, and how to sign requests for it. */
export interface BucketPlace {
  /** Scheme, host and port. */
  readonly origin: URL;
  /** The path before a key, encoded: "/", or "/BUCKET/". */
  readonly path: string;
  readonly region: string;
  readonly service: string;
  /** The header with the session token. */
  readonly tokenHeader: "x-amz-security-token" | "x-amz-s3session-token";
  /** With those that the store `refused` for their age, newer ones where there is a way to get them. */
  credentials(refused?: StoreCredentials): Promise<StoreCredentials>;
}

/** Any key, for asking the SDK for the address of a bucket. */
const SOME_KEY = "key";

/**
 * Addresses of buckets and credentials: from the environment if it is complete; otherwise from the AWS SDK, which also
 * supports AWS's regions, profiles, roles and the credentials of virtual machines. The SDK is loaded only for that (it
 * takes 0.25 s), and sends no requests for objects.
 */
export class S3Access {
  readonly #places = new Map<string, Promise<BucketPlace>>();

  constructor(private readonly env: StoreEnvironment = process.env) {}

  /** Whether requests must have CRC-32s. */
  get checksums(): boolean {
    return /^when_supported$/i.test(this.env.AWS_REQUEST_CHECKSUM_CALCULATION ?? "");
  }

  /** Throws `BAD_OPTION` if the SDK is needed but not installed, and the SDK's errors. */
  placeOf(bucket: string): Promise<BucketPlace> {
    const known = this.#places.get(bucket);
    if (known !== undefined) return known;
    const { AWS_REGION, AWS_DEFAULT_REGION } = this.env;
    const region = AWS_REGION || AWS_DEFAULT_REGION || undefined;
    const plain = plainPlace(this.env, bucket, region);
    return this.#remember(bucket, plain === undefined ? sdkPlace(this.env, bucket, region) : Promise.resolve(plain));
  }

  #remember(bucket: string, place: Promise<BucketPlace>): Promise<BucketPlace> {
    this.#places.set(bucket, place);
    // After a failure the next call tries again: roles and profiles may be available later.
    place.catch(() => {
      if (this.#places.get(bucket) === place) this.#places.delete(bucket);
    });
    return place;
  }

  /** AWS says that a bucket is in another region than assumed. Returns whether that region is used from now on. */
  moved(bucket: string, region: string): boolean {
    if (ownEndpoint(this.env) !== undefined || !/^[a-z0-9-]{1,40}$/.test(region)) return false;
    void this.#remember(bucket, sdkPlace(this.env, bucket, region));
    return true;
  }
}

/** The endpoint in the environment, if the store is not AWS. */
function ownEndpoint({ AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL }: StoreEnvironment): string | undefined {
  return (AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL) || undefined;
}

/** Private stores mostly have no host name per bucket. `CORESIEVE_S3_PATH_STYLE=0` or `=1` overrides that. */
function pathStyle(env: StoreEnvironment): boolean {
  const style = env.CORESIEVE_S3_PATH_STYLE;
  return style === undefined || style === "" ? ownEndpoint(env) !== undefined : style !== "0";
}

/** The address if the environment contains all of it; `undefined` if it does not, or only the SDK can interpret it. */
function plainPlace(env: StoreEnvironment, bucket: string, region: string | undefined): BucketPlace | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = env;
  const endpoint = ownEndpoint(env);
  if (!accessKeyId || !secretAccessKey || env.AWS_PROFILE || region === undefined) return undefined;
  if (env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS || env.AWS_USE_FIPS_ENDPOINT || env.AWS_USE_DUALSTACK_ENDPOINT)
    return undefined;
  if (endpoint === undefined || !pathStyle(env) || !URL.canParse(endpoint)) return undefined;
  const url = new URL(endpoint);
  if (!/^https?:$/.test(url.protocol) || url.search !== "" || url.username !== "") return undefined;
  // Other names are access points and directory buckets.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(bucket) || bucket.endsWith("--x-s3")) return undefined;
  const credentials = { accessKeyId, secretAccessKey, sessionToken: AWS_SESSION_TOKEN || undefined };
  return {
    origin: new URL(url.origin),
    path: `${url.pathname.replace(/\/$/, "")}/${bucket}/`,
    ...{ region, service: "s3", tokenHeader: "x-amz-security-token" },
    credentials: async () => credentials,
  };
}

/** Loads the SDK, which users of AWS's stores must install. Throws `BAD_OPTION`. */
async function loadSdk(): Promise<typeof Sdk> {
  // The SDK prints on stderr that it will drop old versions of Node. That concerns those who installed it, and is in
  // its documentation.
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

/**
 * The SDK's address of a bucket, with region, credentials and endpoint from the usual environment, including profiles.
 * It is taken from a request that the SDK would send.
 */
async function sdkPlace(env: StoreEnvironment, bucket: string, region: string | undefined): Promise<BucketPlace> {
  const sdk = await loadSdk();
  const make = (region: string | undefined) =>
    new sdk.S3Client({ ...(region === undefined ? {} : { region }), forcePathStyle: pathStyle(env), maxAttempts: 1 });
  let client = make(region);
  try {
    await client.config.region();
  } catch {
    // Profiles name no region either. Other stores ignore it, and AWS redirects to the bucket's own region.
    client = make("us-east-1");
  }
  const credentials = lastingCredentials((options) => client.config.credentials(options));
  // Before the request, whose errors do not say that they are about credentials.
  await credentials();
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
  // Directory buckets (S3 Express) need a session's credentials; the SDK opens and renews the session.
  const inSession = "x-amz-s3session-token" in headers;
  const session = lastingCredentials(async () => {
    const { sessionToken, ...keys } = await credentials();
    const identity = { ...keys, ...(sessionToken !== undefined && { sessionToken }) };
    return config.s3ExpressIdentityProvider.getS3ExpressIdentity(identity, { Bucket: bucket });
  });
  return {
    origin: new URL(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`),
    path: path.slice(0, -SOME_KEY.length),
    ...{ region: signedRegion, service },
    tokenHeader: inSession ? "x-amz-s3session-token" : "x-amz-security-token",
    credentials: inSession ? session : credentials,
  };
}

/** As the SDK gives them. */
interface GivenCredentials extends StoreCredentials {
  readonly expiration?: Date | undefined;
  /** They have ended, and the endpoint that gave them gives no others: the SDK goes on with them. */
  readonly originalExpiration?: Date | undefined;
}

/**
 * Credentials from who gives them, asked each time: the SDK remembers them. In the middle of a run it is no end that
 * they cannot be renewed for a while: they are used as long as they last, and then the error is one after which the
 * request is sent again. Throws what `credentialsError` makes.
 */
export function lastingCredentials(
  give: (options?: { readonly forceRefresh: boolean }) => Promise<GivenCredentials>,
): BucketPlace["credentials"] {
  let last: GivenCredentials | undefined;
  return async (refused) => {
    try {
      let found = await give();
      // Other requests may have been refused with the same ones, and have renewed them.
      if (refused !== undefined && areSame(found, refused)) {
        found = await give({ forceRefresh: true });
        if (found.originalExpiration !== undefined && areSame(found, refused))
          throw new Error("there are no newer ones");
      }
      last = found;
      return found;
    } catch (error) {
      const until = last?.expiration?.getTime() ?? 0;
      if (last !== undefined && refused === undefined && until > Date.now()) return last;
      throw credentialsError(error, last !== undefined);
    }
  };
}

/** Whether two credentials are the same. */
export function areSame(a: StoreCredentials, b: StoreCredentials): boolean {
  return a.accessKeyId === b.accessKeyId && a.sessionToken === b.sessionToken;
}
