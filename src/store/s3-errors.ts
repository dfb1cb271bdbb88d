import type { IncomingHttpHeaders } from "node:http";
import { DumpError, systemErrorCode } from "../errors.js";
import { OPTION } from "../option-words.js";
import { proxyUnused } from "./proxy-unused.js";
import type { FoundObject, ObjectInfo } from "./store-types.js";
import { tlsProblem } from "./tls-problem.js";

/** The purpose of a failed request: it decides the code of the error. */
export type StoreUse = "read" | "write";

/** The members of requests' errors that are used here. The SDK's errors, which come before a request, have a name. */
interface RequestError {
  readonly name: string;
  readonly message: string;
  /** Of an answer with an error status. */
  readonly status?: number;
  readonly headers?: IncomingHttpHeaders;
  /** This machine's clock was wrong, and is corrected for later requests. */
  readonly clockWasWrong?: boolean;
  /** There are no credentials now, but there were. */
  readonly hadCredentials?: boolean;
}

/** Temporary failures of the network. */
const NETWORK = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** Temporary failures of the store itself. */
const PASSING = new Set([
  "SlowDown",
  "InternalError",
  "ServiceUnavailable",
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
  "BandwidthLimitExceeded",
  "OperationAborted",
  "IncompleteBody",
  "BadDigest",
  "XAmzContentSHA256Mismatch",
  "XMinioServerNotInitialized",
]);

function partsOf(error: unknown): RequestError {
  return error instanceof Error ? error : new Error(String(error));
}

/** The HTTP status of an answer with an error; `undefined` if there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return partsOf(error).status;
}

/** A header of an answer with an error. */
export function answerHeader(error: unknown, name: string): string | undefined {
  return partsOf(error).headers?.[name]?.toString();
}

/** The store's own name of the error: `NoSuchKey` … */
export function nameOf(error: unknown): string {
  const { name } = partsOf(error);
  return name;
}

function networkCode(error: unknown): string | undefined {
  // If several addresses were tried, there is an error for each.
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  const code = systemErrorCode(inner) ?? systemErrorCode(error);
  return code !== undefined && NETWORK.has(code) ? code : undefined;
}

/** Whether the same request may succeed later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof DumpError) return false;
  const status = statusOf(error);
  if (tlsProblem(error, "http", "AWS_ENDPOINT_URL") !== undefined) return false;
  if (PASSING.has(nameOf(error)) || networkCode(error) !== undefined) return true;
  const { clockWasWrong, hadCredentials } = partsOf(error);
  if (clockWasWrong === true || hadCredentials === true) return true;
  // The server waited too long for the request (408), does not want it so early (425), or has too much to do.
  if (status === 408 || status === 425 || status === 429) return true;
  return status !== undefined && status >= 500 && status !== 501 && status !== 507;
}

/** Failures before a request is sent. */
const NEVER_SENT = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "ENOTFOUND", "EAI_AGAIN"]);

/**
 * Whether the store may have done a request that failed: there was no complete answer, or one of a store (500) or a
 * proxy (502, 504) that gave up on the way. All other answers say that nothing was done.
 */
export function mayBeDone(error: unknown): boolean {
  if (error instanceof DumpError || nameOf(error) === NO_CREDENTIALS) return false;
  const status = statusOf(error);
  if (status !== undefined) return status === 500 || status === 502 || status === 504;
  return !NEVER_SENT.has(networkCode(error) ?? "");
}

/** The SDK's name of this failure. */
const NO_CREDENTIALS = "CredentialsProviderError";

/**
 * The error where there are no credentials, whatever their source failed with: the same names say other things of a
 * store's answers. `had`: there were some before, and there may be again.
 */
export function credentialsError(error: unknown, had: boolean): Error {
  const { message, name } = partsOf(error);
  const ours = { name: NO_CREDENTIALS, hadCredentials: had };
  // Node quotes what it cannot parse, and that may be a secret. The SDK puts this into errors of its own.
  if (name === "SyntaxError" || NODES_JSON.test(message)) {
    return Object.assign(new Error("the answer of what gives them is not JSON"), ours);
  }
  const what = message === "" || message === name ? name : message;
  return Object.assign(new Error(what, { cause: error }), ours);
}

/** Node's words for text that is not JSON. */
const NODES_JSON = /SyntaxError|not valid JSON|JSON at position|JSON input/;

/** Whether the store refuses credentials for their age, in the words of several stores. */
export function haveExpired(error: unknown): boolean {
  return ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"].includes(nameOf(error));
}

/** Whether the store does not support the request. */
export function isNotImplemented(error: unknown): boolean {
  return statusOf(error) === 501 || nameOf(error) === "NotImplemented";
}

const CREDENTIALS_CURE =
  "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to those of an account that may use this bucket";
/** Where there were some before. */
const SOURCE_CURE = "Check what gives the credentials, and run it again";
const ENDPOINT_CURE =
  "Check AWS_ENDPOINT_URL (for a store that is not AWS; https:// where it speaks TLS) and the network";
/** The host name that was looked up may contain the bucket. */
const NAME_CURE =
  "Check AWS_ENDPOINT_URL, AWS_REGION and the bucket's name; CORESIEVE_S3_PATH_STYLE=1 leaves the bucket out of the host's name";

/** The error of a request for users. Never contains credentials. */
export function storeError(error: unknown, path: string, use: StoreUse): DumpError {
  if (error instanceof DumpError) return error;
  const { code, what, cure } = explain(error, use);
  const name = nameOf(error);
  const systemError = name === NO_BUCKET || name === NO_UPLOAD ? name : undefined;
  return new DumpError(code, `${use === "read" ? "cannot be read" : "cannot be written"}: ${what}`, {
    ...{ file: path, cure, systemError, cause: error },
  });
}

/** The store's names of these failures. */
const NO_BUCKET = "NoSuchBucket";
const NO_UPLOAD = "NoSuchUpload";

/** Whether a request to a store failed because there is no such bucket. */
export function isBucketMissing(error: unknown): boolean {
  return error instanceof DumpError && error.systemError === NO_BUCKET;
}

/** Whether a request to a store failed because an upload was aborted or completed. */
export function isUploadGone(error: unknown): boolean {
  return error instanceof DumpError && error.systemError === NO_UPLOAD;
}

/** The object with its length. Throws `NOT_READABLE` if the store does not say that: it is not empty then. */
export function sized(found: FoundObject, file: string): ObjectInfo {
  const { size } = found;
  return size === undefined ? unknownAnswer(file, "NOT_READABLE") : { ...found, size };
}

/** An answer that is not what a store answers to this request. */
export function unknownAnswer(file: string, code: DumpError["code"] = "NOT_WRITABLE"): never {
  throw new DumpError(code, "the store's answer is not an answer of S3", {
    file,
    cure: "Check that AWS_ENDPOINT_URL is the address of an S3-compatible store, and look for a proxy in between",
  });
}

interface Explanation {
  readonly code: DumpError["code"];
  readonly what: string;
  readonly cure: string;
}

function explain(error: unknown, use: StoreUse): Explanation {
  const code = use === "read" ? "NOT_READABLE" : "NOT_WRITABLE";
  const name = nameOf(error);
  const status = statusOf(error);
  const message = redact(partsOf(error).message);
  const tls = tlsProblem(error, "http", "AWS_ENDPOINT_URL");
  if (tls !== undefined) {
    return { code, what: `the store cannot be reached: ${tls.what}`, cure: tls.cure };
  }
  const network = networkCode(error);
  if (network !== undefined) {
    const why = NETWORK_WORDS[network ?? ""] ?? (message || network || "no answer");
    const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
    const cure = network === "ENOTFOUND" ? NAME_CURE : ENDPOINT_CURE;
    return {
      code,
      what: `the store cannot be reached: ${why}`,
      cure: `${cure}${proxyUnused((AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL) || AWS)}`,
    };
  }
  if (name === NO_CREDENTIALS) {
    const had = partsOf(error).hadCredentials === true;
    return { code, what: `there are no credentials: ${message}`, cure: had ? SOURCE_CURE : CREDENTIALS_CURE };
  }
  if (haveExpired(error)) {
    return {
      code,
      what: `the credentials have expired, and there are no newer ones (${name})`,
      cure: "Renew them, for example by signing in again, and run it again; those of profiles and roles are renewed by themselves",
    };
  }
  if (["InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId"].includes(name)) {
    return { code, what: `the store refuses the credentials (${name})`, cure: CREDENTIALS_CURE };
  }
  if (name === NO_BUCKET)
    return { code, what: "there is no such bucket", cure: "Check the name, AWS_REGION and AWS_ENDPOINT_URL" };
  if (name === NO_UPLOAD) {
    return { code, what: "its upload was aborted or completed by somebody else", cure: "Run it again, once at a time" };
  }
  if (name === "NoSuchKey" || name === "NotFound" || status === 404) {
    return { code, what: "there is no such object, or no such bucket", cure: "Check the name; it is case-sensitive" };
  }
  if (name === "AccessDenied" || name === "Forbidden" || status === 403) {
    const needed =
      use === "read" ? "s3:GetObject" : "s3:PutObject, s3:GetObject, s3:ListBucket, s3:AbortMultipartUpload";
    return {
      code,
      what: "access denied",
      cure: `The account needs ${needed} (docs/object-stores.md); stores also answer this when an object is missing and listing is forbidden`,
    };
  }
  if (
    ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"].includes(name) ||
    status === 301
  ) {
    const region = /^[a-z0-9-]{1,40}$/.exec(answerHeader(error, "x-amz-bucket-region") ?? "")?.[0];
    return {
      code,
      what: `the bucket is in another region${region === undefined ? "" : `, ${region}`}`,
      cure: `Set AWS_REGION${region === undefined ? " to the bucket's region" : `=${region}`}`,
    };
  }
  if (name === "RequestTimeTooSkewed") {
    return { code, what: "this machine's clock and the store's differ too much", cure: "Set this machine's clock" };
  }
  if (name === "EntityTooLarge") {
    return {
      code: "SIZE_LIMIT",
      what: "it is larger than the store allows",
      cure: `Drop more (${OPTION.level31}), compress (${OPTION.zlib}), or split it`,
    };
  }
  if (status === 507 || ["QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity"].includes(name)) {
    return {
      code: "NO_SPACE",
      what: `the store is full (${name})`,
      cure: `Make room there, or ${OPTION.smaller}`,
    };
  }
  if (isNotImplemented(error)) {
    const asked = process.env["AWS_REQUEST_CHECKSUM_CALCULATION"];
    return {
      code,
      what: `the store does not support the request (${name}${message === name ? "" : `: ${message}`})`,
      cure: asked ? "Try without AWS_REQUEST_CHECKSUM_CALCULATION" : "Look at what the store's own log says",
    };
  }
  const status_ = status === undefined ? "" : `, HTTP ${status}`;
  return {
    code,
    what: `${message || "unknown error"} (${name}${status_})`,
    cure: "Look at what the store's own log says",
  };
}

/** Where stores are that have no other address. */
const AWS = "https://s3.amazonaws.com";

const NETWORK_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused (ECONNREFUSED)",
  ECONNRESET: "the connection was cut (ECONNRESET)",
  EPIPE: "the connection was cut (EPIPE)",
  ETIMEDOUT: "no answer in time (ETIMEDOUT)",
  EHOSTUNREACH: "the host cannot be reached (EHOSTUNREACH)",
  ENOTFOUND: "unknown host name (ENOTFOUND)",
  EAI_AGAIN: "its name cannot be looked up now (EAI_AGAIN)",
  ERR_STREAM_PREMATURE_CLOSE: "the connection was cut in the middle of an answer",
};

/** A store's message without secrets. */
function redact(text: string): string {
  let said = text;
  for (const name of ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"]) {
    const secret = process.env[name];
    if (secret !== undefined && secret.length >= 4) said = said.replaceAll(secret, "…");
  }
  return said.length > 300 ? `${said.slice(0, 300)}…` : said;
}
