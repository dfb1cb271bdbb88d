/**
 * An address for messages, without what may be secret in it: user, password, query and fragment. `prefix` is what stands
 * before its host or user. A mistyped address is no URL, or one with other parts than were meant, so that what is in
 * doubt is hidden, too: as `***`.
 */
export function shownAddress(address: string, prefix: RegExp): string {
  // URLs may contain these anywhere: they are left out when a URL is parsed.
  const text = address.replace(/[\t\n\r]/g, "");
  const before = prefix.exec(text)?.[0] ?? "";
  const rest = text.slice(before.length);
  const end = rest.search(/[?#]/);
  const path = end < 0 ? rest : rest.slice(0, end);
  if (!URL.canParse(text.trim())) {
    // What follows the last "@" is a host, or the end of a query's value.
    if (end >= 0 && rest.lastIndexOf("@") > end) return `${before}***`;
    return before + path.replace(/^.*@/s, "***@");
  }
  // What was hidden before stays marked.
  const host = path.replace(/^(?!\*\*\*@)[^/\\]*@/, "");
  // "user:1234/5@host" parses as a host with a port, and a path.
  return before + (/^[^/\\[]*:/.test(host) ? host.replace(/^.*@/s, "***@") : host);
}

/**
 * What stands before the host in a URL of HTTP, also in a mistyped one, which nothing else takes for a URL: "https:/",
 * "htps:", "https//". A local path has this form only if its first separator is double.
 */
const PREFIX = /^\s*(?:[htps]+:[/\\]*|[^/\\]*[/\\]{2,})/i;

/**
 * A URL for messages: without user and query, which contain credentials and signatures (who has a presigned URL has the
 * file). Other names are returned unchanged.
 */
export function shownUrl(url: string): string {
  return PREFIX.test(url) && !/^s3:\/\//i.test(url) ? shownAddress(url, PREFIX) : url;
}
