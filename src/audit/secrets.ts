import { DumpError } from "../errors.js";
import { MAX_NEEDLE, MIN_NEEDLE } from "../filter/text/searcher.js";
import { aText, checkArgument, someBytes } from "../option-shape.js";
import { readSideFile } from "../reader/source/side-file.js";

/** A byte string that must not be in a dump. Results only name its line, because others read an audit's report too. */
export interface Secret {
  /** Line in the file, from 1. */
  readonly line: number;
  readonly bytes: Uint8Array;
}

const MAX_SECRETS = 10_000;
const MAX_FILE = 16 << 20;

/** Reads a file of secrets. Throws `NOT_READABLE`, and `BAD_OPTION` with the line number. */
export async function readSecrets(path: string): Promise<Secret[]> {
  return parseSecrets(await readSideFile(path, MAX_FILE), path);
}

/**
 * One secret per line: the unchanged bytes of the line, including spaces, without its end (LF or CR LF); or `hex:` and
 * hexadecimal digits, with optional spaces. Empty lines and lines that begin with `#` are skipped. A secret that begins
 * with `#` or `hex:` must be written in hexadecimal. Throws `BAD_OPTION`.
 */
export function parseSecrets(bytes: Uint8Array, file: string): Secret[] {
  checkArgument("bytes", bytes, someBytes);
  checkArgument("file", file, aText);
  const secrets: Secret[] = [];
  const known = new Set<string>();
  let start = 0;
  for (let line = 1; start < bytes.length; line++) {
    let end = bytes.indexOf(0x0a, start);
    if (end === -1) end = bytes.length;
    const text = Buffer.from(bytes.subarray(start, end)).toString("latin1").replace(/\r$/, "");
    start = end + 1;
    if (text === "" || text.startsWith("#")) continue;
    const secret = text.startsWith("hex:") ? fromHexadecimal(text.slice(4), line, file) : Buffer.from(text, "latin1");
    if (secret.length < MIN_NEEDLE || secret.length > MAX_NEEDLE) {
      throw bad(file, `line ${line} is a secret of ${secret.length} bytes; ${MIN_NEEDLE} to ${MAX_NEEDLE} are allowed`);
    }
    if (secret.every((byte) => byte === 0))
      throw bad(file, `line ${line} is a secret of zeros only, and every dump has zeros`);
    const key = secret.toString("latin1");
    if (known.has(key)) continue;
    known.add(key);
    secrets.push({ line, bytes: secret });
    if (secrets.length > MAX_SECRETS) throw bad(file, `has more than ${MAX_SECRETS} secrets`);
  }
  if (secrets.length === 0) throw bad(file, "has no secrets in it");
  return secrets;
}

function fromHexadecimal(text: string, line: number, file: string): Buffer {
  const digits = text.replaceAll(/[\s:]/g, "");
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw bad(file, `line ${line}: "hex:" must be followed by whole bytes in hexadecimal`);
  }
  return Buffer.from(digits, "hex");
}

function bad(file: string, what: string): DumpError {
  return new DumpError("BAD_OPTION", what, {
    file,
    cure: "A line is a text, or hex: with hexadecimal digits; lines that begin with # are comments",
  });
}
