import { isIPv4, isIPv6 } from "node:net";
import { MAX_MATCH, type Searched, type TextMatch } from "./searched.js";

/** What is checked in addition to a pattern: a check digit, the end of a key. */
export type Refinement =
  | "card"
  | "private key"
  | "end of a private key"
  | "token"
  | "e-mail"
  | "secret"
  | "ipv4"
  | "ipv6";

/** The bytes to use for a match, which may be more than the match; `undefined` if it is not really one. */
export function refine(refinement: Refinement, searched: Searched, match: TextMatch): TextMatch | undefined {
  const text = textOf(searched.bytes, match);
  switch (refinement) {
    case "card":
      return cardIn(text, match.start);
    case "private key":
      return { start: match.start, end: keyEnd(searched, match) };
    case "end of a private key":
      return { start: keyStart(searched, match), end: match.end };
    case "token":
      return isToken(text) ? match : undefined;
    case "e-mail":
      return UNITS.test(text) ? undefined : match;
    case "secret":
      return SECRET.test(text) ? match : undefined;
    case "ipv4":
      return isAddress4(text) && !isInVersion(searched, match) ? match : undefined;
    case "ipv6":
      return isAddress6(text) ? match : undefined;
  }
}

function textOf(bytes: Uint8Array, { start, end }: TextMatch): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

/** First digits of card numbers by issuer (ISO/IEC 7812), with the numbers of digits. */
const ISSUERS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:30[0-5]|309|36|38|39)/, [14, 16, 19]],
  [/^(?:6011|64[4-9]|65|35[2-8]|62|60|81|82|508|50|5[6-9]|63|67|69)/, [13, 14, 15, 16, 17, 18, 19]],
];

/** A card number among groups of digits: the longest, from the first group that may begin one. */
function cardIn(text: string, start: number): TextMatch | undefined {
  const groups = [...text.matchAll(/\d+/g)].map((group) => ({ from: group.index, to: group.index + group[0].length }));
  for (const [i, { from }] of groups.entries()) {
    for (let last = groups.length - 1; last >= i; last--) {
      const { to } = groups[last] as (typeof groups)[number];
      const digits = text.slice(from, to).replaceAll(/\D/g, "");
      if (isCard(digits)) return { start: start + from, end: start + to };
    }
  }
  return undefined;
}

function isCard(digits: string): boolean {
  const lengths = ISSUERS.find(([first]) => first.test(digits))?.[1];
  if (lengths === undefined || !lengths.includes(digits.length)) return false;
  // Luhn's check digit: ISO/IEC 7812-1, annex B.
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    sum += i % 2 === 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9;
  }
  return sum % 10 === 0;
}

/** Whether a byte may be in a key in PEM (RFC 7468) or OpenPGP's armour: printable, or a line end. */
function isKeyText(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

const DASHES = "-----";

/** The end of a key: behind its line with END, or where the text ends. */
function keyEnd({ bytes, to }: Searched, { end }: TextMatch): number {
  const limit = Math.min(to, end + MAX_MATCH);
  let at = end;
  while (at < limit && isKeyText(bytes[at])) at++;
  const text = textOf(bytes, { start: end, end: at });
  const tail = text.indexOf(`${DASHES}END `);
  if (tail < 0) return at;
  const last = text.indexOf(DASHES, tail + DASHES.length);
  return last < 0 ? at : end + last + DASHES.length;
}

/** The start of a key whose end was found: before its BEGIN, or at the first line of its letters. */
function keyStart({ bytes, from }: Searched, { start }: TextMatch): number {
  const limit = Math.max(from, start - MAX_MATCH);
  let at = start;
  while (at > limit && isKeyText(bytes[at - 1])) at--;
  const text = textOf(bytes, { start: at, end: start });
  const begin = text.lastIndexOf(`${DASHES}BEGIN `);
  if (begin >= 0) return at + begin;
  let kept = text.length;
  for (const line of text.split("\n").reverse().slice(1)) {
    if (!/^[A-Za-z0-9+/=]{0,76}\r?$/.test(line)) break;
    kept -= line.length + 1;
  }
  return at + Math.max(0, kept);
}

/**
 * Whether a text has a form of RFC 7515 or RFC 7516 (RFC 7519): three parts, the second of which is JSON, too; or five.
 */
function isToken(text: string): boolean {
  const parts = text.split(".");
  return parts[1]?.startsWith("eyJ") === true || parts.length === 5;
}

/** Names of systemd's units look like addresses: getty@tty1.service. */
const UNITS = /\.(?:automount|device|mount|path|scope|service|slice|socket|swap|target|timer)$/i;

/** The secret of an AWS access key has 40 letters; other stores use other lengths. */
const SECRET = /[a-z0-9/+]{16}$/i;

/** Addresses that every machine has contain no information. */
function isAddress4(text: string): boolean {
  return isIPv4(text) && !/^(?:0\.|127\.|255\.255\.255\.)/.test(text);
}

/** 1.2.3.4.5 is a version. */
function isInVersion({ bytes }: Searched, { start, end }: TextMatch): boolean {
  const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;
  return (bytes[start - 1] === 0x2e && isDigit(bytes[start - 2])) || (bytes[end] === 0x2e && isDigit(bytes[end + 1]));
}

/** Eight bytes with colons are a name of Fibre Channel. */
function isAddress6(text: string): boolean {
  const groups = text.split(":").filter((group) => group !== "");
  const telling = groups.length >= 3 || (groups.length === 2 && groups[0]?.length === 4);
  return isIPv6(text) && telling && !groups.every(({ length }) => length === 2);
}
