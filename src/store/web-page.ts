import type { IncomingMessage } from "node:http";
import { textOf } from "./s3-xml.js";

/** A page shows within so many bytes that it is one. */
const PAGE_BEGIN = 2048;

/**
 * Whether an answer with status 200 is a page for people, as proxies and sign-in servers give it instead of the server
 * that was asked. The type `text/html` says nothing: Swift's empty answers have it, and so has the "ok" by which small
 * servers confirm an upload.
 */
export function isPage({ statusCode }: IncomingMessage, body: Uint8Array): boolean {
  const begin = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, PAGE_BEGIN)).toString("latin1");
  return statusCode === 200 && /<(?:!doctype\s+html|html|head|body|form)\b/i.test(begin);
}

/** Whether a page asks people to sign in, or sends them on to another host for that, instead of confirming a request to `url`. */
export function asksToSignIn(page: string, url: URL): boolean {
  if (/<form\b|<input\b[^>]*\btype\s*=\s*["']?password\b/i.test(page)) return true;
  const refresh = /<meta\b[^>]*\bhttp-equiv\s*=\s*["']?refresh\b[^>]*/i.exec(page)?.[0];
  const host = /\burl\s*=\s*["']?\s*(?:https?:)?\/\/([^/?#"'\s>]+)/i.exec(refresh ?? "")?.[1];
  if (host !== undefined && host.toLowerCase() !== url.host) return true;
  return /\b(?:log|sign)[\s-]?(?:in|on)\b/i.test(wordsOfPage(page));
}

/** What a page says to people. */
export function wordsOfPage(page: string): string {
  return (textOf(page, "body") ?? page)
    .replace(/<(script|style|head)\b.*?<\/\1\s*>|<[^>]*>/gis, " ")
    .replace(/\s+/g, " ")
    .trim();
}
