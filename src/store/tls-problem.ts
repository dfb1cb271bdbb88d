import { systemErrorCode } from "../errors.js";

/** Why a TLS connection to a server failed. */
export interface TlsProblem {
  readonly what: string;
  readonly cure: string;
}

/** Node does not know the authority that issued the certificate. */
const UNKNOWN_AUTHORITY = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);

/** OpenSSL's reasons if the other side does not use TLS. */
const NO_TLS = /wrong version number$|packet length too long$|unexpected message$/;
/**
 * Alerts of a server that requires a client certificate. Their versions come first: "tlsv13 alert certificate
 * required".
 */
const REFUSED = /certificate required$|handshake failure$|bad certificate$/;

/** Options that this Node supports. */
const nodeOptions = () => process.allowedNodeEnvironmentFlags;

/**
 * What is wrong with TLS, if an error of a connection is about that. `plain` is the scheme without TLS, `setting` the
 * setting with the server's address. The codes are those of Node's documentation of tls and crypto (X509 certificate
 * error codes, OpenSSL's alerts).
 */
export function tlsProblem(error: unknown, plain: string, setting: string): TlsProblem | undefined {
  const code = systemErrorCode(error) ?? "";
  const reason = opensslReason(error, code);
  if (UNKNOWN_AUTHORITY.has(code)) {
    const system = nodeOptions().has("--use-system-ca")
      ? ", or NODE_OPTIONS=--use-system-ca if the system knows it"
      : "";
    return {
      what: `Node does not trust the signer of its certificate (${code})`,
      cure: `Set NODE_EXTRA_CA_CERTS to a PEM file with the signer's certificate${system}`,
    };
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const names = (error as { cert?: { subjectaltname?: string } }).cert?.subjectaltname;
    return {
      what: `its certificate is for another name${names === undefined ? "" : `: ${names.slice(0, 200)}`}`,
      cure: `Use a name that the certificate has in ${setting}`,
    };
  }
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    return {
      what: `its certificate ${code === "CERT_HAS_EXPIRED" ? "has expired" : "is not valid yet"}`,
      cure: "Renew it; or set this machine's clock, if that is wrong",
    };
  }
  if (NO_TLS.test(reason)) {
    return {
      what: "it does not speak TLS",
      cure: `Write ${plain}:// in ${setting} if it should work without TLS; otherwise check the port`,
    };
  }
  if (REFUSED.test(reason)) {
    return {
      what: "it refuses to speak TLS; it may want a certificate of this machine, too",
      cure: "Let it take clients without one (of Redis: tls-auth-clients no), and look at its log",
    };
  }
  if (/^(CERT_|ERR_TLS_|ERR_SSL_)/.test(code)) {
    return {
      what: `TLS fails (${code})`,
      cure: "Look at the server's certificate: openssl s_client -connect HOST:PORT",
    };
  }
  return undefined;
}

/**
 * OpenSSL's reason for an error; "" if the error is not OpenSSL's. Node makes a code of it
 * (`ERR_SSL_WRONG_VERSION_NUMBER`), but not if a write was in progress, as in every HTTPS request: then the code is
 * EPROTO, and only the message contains the reason (Node 20.20: "write EPROTO 80AC…:error:0A00010B:SSL
 * routines:ssl3_get_record:wrong version number:../deps/…"). That is OpenSSL's own form, documented in
 * ERR_error_string(3): error:CODE:LIBRARY:FUNCTION:REASON.
 */
function opensslReason(error: unknown, code: string): string {
  if (code.startsWith("ERR_SSL_")) return code.slice("ERR_SSL_".length).replaceAll("_", " ").toLowerCase();
  if (code !== "EPROTO" || !(error instanceof Error)) return "";
  return /:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/.exec(error.message)?.[1]?.toLowerCase() ?? "";
}
