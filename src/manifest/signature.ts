import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { DumpError } from "../errors.js";

/**
 * Ed25519 signatures (RFC 8032) of small files. A signature is the base64 of its 64 bytes, one line, in its own file.
 * openssl can check it, too.
 */

/** The suffix of a signature's file, after the name of the signed file. */
export const SIGNATURE_SUFFIX = ".sig";
const SIGNATURE_BYTES = 64;
const KEY_BYTES = 32;
/** A key's file has a few hundred bytes. */
export const MAX_KEY_FILE = 1 << 16;

/** The DER bytes before the bytes of a private key (PKCS #8) and of a public key (RFC 8410). */
const PRIVATE_DER = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_DER = Buffer.from("302a300506032b6570032100", "hex");
const OPENSSH_MAGIC = "openssh-key-v1\0";
const OPENSSH_NAME = "ssh-ed25519";

const publicFrom = (bytes: Uint8Array) =>
  createPublicKey({ key: Buffer.concat([PUBLIC_DER, bytes]), format: "der", type: "spki" });

/**
 * Parses a private key in the format of `openssl genpkey -algorithm ed25519` or `ssh-keygen -t ed25519`. Throws
 * `BAD_OPTION`; the message contains nothing of the key.
 */
export function privateKeyOf(text: string, file: string): KeyObject {
  if (text.includes("-----BEGIN OPENSSH PRIVATE KEY-----")) return fromOpenssh(text, file);
  if (text.includes("-----BEGIN ENCRYPTED PRIVATE KEY-----")) throw locked(file);
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw badKey(
      file,
      publicLooks(text) ? "is a public key; signing needs the private one" : "has no private key in it",
    );
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (error) {
    throw badKey(file, "has a private key that cannot be read", error);
  }
  return ed25519(key, file);
}

/**
 * Parses a public key: PEM, or a line of OpenSSH (`ssh-ed25519 AAAA…`). A private key is refused although it contains
 * the public one, because it must not be where signatures are checked. Throws `BAD_OPTION`.
 */
export function publicKeyOf(text: string, file: string): KeyObject {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw badKey(file, "is a private key; checking needs the public one, which is all that its owner should give away");
  }
  const line = text.split(/\r?\n/).find((one) => one.trim() !== "" && !one.startsWith("#")) ?? "";
  if (line.startsWith("-----BEGIN PUBLIC KEY-----")) {
    try {
      return ed25519(createPublicKey(text), file);
    } catch (error) {
      if (error instanceof DumpError) throw error;
      throw badKey(file, "has a public key that cannot be read", error);
    }
  }
  const [, kind = "", data = ""] = /(?:^|\s)(ssh-[\w-]+|ecdsa-[\w-]+)\s+([A-Za-z0-9+/=]+)/.exec(line) ?? [];
  if (kind === "") throw new DumpError("BAD_OPTION", "has no public key in it", { file, cure: ASK_FOR_KEY });
  if (kind !== OPENSSH_NAME) throw badKey(file, `is a key of ${kind}; coresieve uses Ed25519 keys`);
  const parts = new SshParts(Buffer.from(data, "base64"));
  const [name, bytes] = [parts.next()?.toString("latin1"), parts.next()];
  if (name !== OPENSSH_NAME || bytes?.length !== KEY_BYTES) throw badKey(file, "has a public key that cannot be read");
  return publicFrom(bytes);
}

/** The content of a signature's file. */
export function signatureOf(bytes: Uint8Array, key: KeyObject): string {
  return `${sign(null, bytes, key).toString("base64")}\n`;
}

/** Whether a signature is for these bytes, by the owner of the key. Throws `CORRUPT` if it is not a signature. */
export function isSignedBy(bytes: Uint8Array, signature: string, key: KeyObject, file: string): boolean {
  const raw = Buffer.from(signature.trim(), "base64");
  if (raw.length !== SIGNATURE_BYTES || !/^[A-Za-z0-9+/]+=*$/.test(signature.trim())) {
    throw new DumpError("CORRUPT", "is not a signature", {
      file,
      cure: "`--sign KEY` writes one beside the file that it signs: a line of base64 with 64 bytes",
    });
  }
  return verify(null, bytes, key, raw);
}

/** Reads the parts of OpenSSH's format, each of which follows its length (RFC 4251, `string`). */
class SshParts {
  constructor(
    private readonly bytes: Buffer,
    private at: number = 0,
  ) {}

  number(): number | undefined {
    if (this.at + 4 > this.bytes.length) return undefined;
    const value = this.bytes.readUInt32BE(this.at);
    this.at += 4;
    return value;
  }

  next(): Buffer | undefined {
    const length = this.number();
    if (length === undefined || this.at + length > this.bytes.length) return undefined;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** OpenSSH's PROTOCOL.key: magic, cipher, KDF, its options, number of keys, public key, private part. */
function fromOpenssh(text: string, file: string): KeyObject {
  const [, body = ""] = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END/.exec(text) ?? [];
  const bytes = Buffer.from(body, "base64");
  const unreadable = badKey(file, "has a private key that cannot be read");
  if (bytes.toString("latin1", 0, OPENSSH_MAGIC.length) !== OPENSSH_MAGIC) throw unreadable;
  const parts = new SshParts(bytes, OPENSSH_MAGIC.length);
  const [cipher] = [parts.next()?.toString("latin1"), parts.next(), parts.next()];
  if (cipher !== "none") throw cipher === undefined ? unreadable : locked(file);
  if (parts.number() !== 1) throw unreadable;
  parts.next();
  const inside = new SshParts(parts.next() ?? Buffer.alloc(0));
  const [check, repeated] = [inside.number(), inside.number()];
  const kind = inside.next()?.toString("latin1");
  if (check === undefined || check !== repeated || kind === undefined) throw unreadable;
  if (kind !== OPENSSH_NAME) throw badKey(file, `is a key of ${kind}; coresieve uses Ed25519 keys`);
  const [publicBytes, secret] = [inside.next(), inside.next()];
  if (publicBytes?.length !== KEY_BYTES || secret?.length !== 2 * KEY_BYTES) throw unreadable;
  return createPrivateKey({
    key: Buffer.concat([PRIVATE_DER, secret.subarray(0, KEY_BYTES)]),
    format: "der",
    type: "pkcs8",
  });
}

function ed25519(key: KeyObject, file: string): KeyObject {
  if (key.asymmetricKeyType === "ed25519") return key;
  throw badKey(file, `is a key of ${key.asymmetricKeyType ?? "an unknown kind"}; coresieve uses Ed25519 keys`);
}

const publicLooks = (text: string) => /-----BEGIN PUBLIC KEY-----|^ssh-/m.test(text);

function locked(file: string): DumpError {
  return new DumpError("BAD_OPTION", "is a key with a passphrase", {
    file,
    cure: "Make a copy without: `ssh-keygen -p -N '' -f COPY`, or `openssl pkey -in KEY -out COPY`",
  });
}

/** A receiver who made a pair would have a key that nobody signed with. */
const ASK_FOR_KEY =
  "Give the public key of the one who signed; the owner of a key gets it with `openssl pkey -in KEY -pubout` or `ssh-keygen -y -f KEY`";

function badKey(file: string, what: string, cause?: unknown): DumpError {
  return new DumpError("BAD_OPTION", what, {
    file,
    cure: "`openssl genpkey -algorithm ed25519 -out KEY` or `ssh-keygen -t ed25519 -f KEY` makes a pair",
    ...(cause === undefined ? {} : { cause }),
  });
}
