/** Answers of web servers, and of proxies before them, that are not what was asked for; and what must not be shown of a URL. */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { DumpError } from "../../src/errors.js";
import { hidden } from "../../src/queue/redis.js";
import { shownUrl } from "../../src/shown-address.js";
import { HttpFiles, httpBytes } from "../../src/store/http-file.js";
import { httpError, redirected } from "../../src/store/http-request.js";
import { proxyUnused } from "../../src/store/proxy-unused.js";
import { storeError } from "../../src/store/s3-errors.js";
import { Warnings } from "../../src/warnings.js";
import { createHttpSink } from "../../src/writer/http-sink.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { flatten } from "../support/flattened-image.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const bytes = Buffer.alloc(1000, "of a dump of some length, ");
const SECRET = "pass-or-signature";
let close: (() => void) | undefined;
afterEach(() => close?.());

/** The address of a server that answers like this, once the request's body is there. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const PAGE_SAYS = "the server answers with a web page: check that it has the file. The page says";

async function send(path: string, warnings?: Warnings): Promise<void> {
  const sink = createHttpSink(path, { dir: folder, warnings, wait: 200 });
  await sink.write(bytes, 0);
  try {
    await sink.finish(bytes.length);
  } finally {
    await sink.abort();
  }
}

const ETAG = `"e" ${bytes.length}`;
const part = (response: ServerResponse, headers: object, body: Buffer = bytes.subarray(0, 100)) =>
  response.writeHead(206, { "content-range": `bytes 0-99/${bytes.length}`, etag: '"e"', ...headers }).end(body);

/** Reads bytes [0, 100). */
async function read(url: string, etag = ETAG): Promise<Buffer> {
  const into = Buffer.alloc(100);
  let pieces = 0;
  await new HttpFiles().stream({ url }, 0, 100, etag, (piece, done) => {
    pieces += piece.length;
    into.set(piece, done);
  });
  expect(pieces).toBe(100);
  return into;
}

test("a page with 200 in the middle of a run is no other file, but a proxy", async () => {
  const url = await serve((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("Log in"));
  await expect(read(url)).rejects.toMatchObject({ code: "NOT_READABLE", message: expect.stringContaining("proxy") });
});

test("another place than was asked for is refused, more bytes are left alone, and an ETag may be weak", async () => {
  let headers: object = { "content-range": `bytes 5-104/${bytes.length}` };
  const url = await serve((_, response) => part(response, headers, bytes));
  await expect(read(url)).rejects.toMatchObject({ code: "NOT_READABLE" });
  headers = { etag: 'W/"e"' };
  expect((await read(url)).equals(bytes.subarray(0, 100))).toBe(true);
  headers = { etag: '"other"' };
  await expect(read(url)).rejects.toMatchObject({ code: "INPUT_CHANGED" });
});

test("a body that does not end is not read to its end", async () => {
  const url = await serve((_, response) => {
    response.writeHead(206, { "content-range": `bytes 0-99/${bytes.length}`, etag: '"e"' });
    response.write(bytes);
  });
  expect((await read(url)).equals(bytes.subarray(0, 100))).toBe(true);
});

test.each([301, 302, 303, 307, 308])("%i is followed by GET, to the same kind of address only", async (status) => {
  let location = "/there";
  const url = await serve((request, response) => {
    if (request.url === "/there") return part(response, {});
    return response.writeHead(status, { location }).end();
  });
  expect((await read(`${url}/?x=${SECRET}`)).equals(bytes.subarray(0, 100))).toBe(true);
  for (location of [`file:///etc/passwd?${SECRET}`, `ftp://host/${SECRET}`, `http://[${SECRET}`]) {
    const error = await read(url).catch((error: unknown) => error as Error);
    expect(error).toMatchObject({ code: "NOT_READABLE", message: expect.stringContaining("sends on to what is not") });
    expect((error as Error).message).not.toContain(SECRET);
    if (location.startsWith("f")) expect((error as Error).message).toMatch(/\((file|ftp):\)/);
  }
  await expect(send(url)).rejects.toMatchObject({
    code: "NOT_WRITABLE",
    message: expect.stringContaining("redirects"),
  });
  location = "/";
  await expect(read(url)).rejects.toMatchObject({ message: expect.stringContaining(String(status)) });
});

test("who is sent on from TLS to an address without it does not go there", () => {
  const from = new URL(`https://user:${SECRET}@host/a`);
  expect(() => redirected(from, `http://host/b?${SECRET}`)).toThrow(/^https:\/\/host\/a: .*without TLS/);
  expect(redirected(from, "https://other/b").href).toBe("https://other/b");
  expect(redirected(new URL("http://host/a"), "https://host/b").href).toBe("https://host/b");
});

test("an encoding that is not undone is named; of all others the content decides", async () => {
  let encoding = "br";
  const url = await serve((_, response) => response.writeHead(200, { "content-encoding": encoding }).end("bytes"));
  const all = async () => {
    const pieces: Uint8Array[] = [];
    for await (const piece of httpBytes(url)) pieces.push(piece);
    return Buffer.concat(pieces).toString();
  };
  for (encoding of ["br", "deflate", "aws-chunked, BR"])
    await expect(all()).rejects.toThrow(/encoded \((br|deflate)\)/);
  const others = ["gzip", "zstd", "x-bzip2", "xz", "lz4", "aws-chunked", "none", "UTF-8", "identity", ""];
  for (encoding of others) expect(await all(), encoding).toBe("bytes");
});

test("what is sent is taken by the server when it says so: a page is no such answer, and what is made may have one", async () => {
  let [status, body] = [200, "<!DOCTYPE html><html><body>Log in</body></html>"];
  const url = await serve((_, response) => response.writeHead(status, { "content-type": "text/html" }).end(body));
  await expect(send(url)).rejects.toMatchObject({ code: "NOT_WRITABLE", message: expect.stringContaining("web page") });
  status = 201;
  await send(url);
  // The type alone says nothing: small servers confirm an upload so.
  [status, body] = [200, "ok"];
  await send(url);
  [status, body] = [201, "<!DOCTYPE html><html><body>Log in</body></html>"];
  const urls = join(folder, "urls.json");
  writeFileSync(urls, JSON.stringify({ partSize: 600, parts: [url, url] }));
  await send(`parts:${urls}`);
  expect(readFileSync(urls).length).toBeGreaterThan(0);
});

test.each([
  ["is cut off", true, ""],
  ["does not end", false, ""],
  ["is cut off in a page", true, "<html><body>File up"],
  ["does not end in a page", false, "<html><body>File up"],
])("a body that %s is no reason to send the dump again", async (_, isCut, begin) => {
  let [puts, head]: [number, Record<string, string>] = [0, {}];
  const url = await serve((_, response) => {
    puts++;
    response.writeHead(200, { "content-length": "1000", ...head });
    response.write(`${begin} `, () => isCut && response.destroy());
  });
  await send(url);
  head = { etag: '"e"' };
  await send(url);
  expect(puts).toBe(2);
});

test.each([
  '<form action="/login">',
  "<FORM>",
  "<input name=x type='password'>",
  '<meta http-equiv="refresh" content="0; url=https://login.example/?x">',
  "Please sign in",
])("a page with %s does not confirm what was sent, and says that it may have arrived", async (sign) => {
  const url = await serve((_, response) => response.writeHead(200).end(`<html><body>${sign}</body></html>`));
  const error = await send(url).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "NOT_WRITABLE", message: expect.stringContaining("whether it has the file") });
});

test("a page that confirms an upload does so, and what it says is shown, without the secrets of the URL", async () => {
  const page = `<html><head><title>Up</title></head><body class=x><h1>File\nuploaded</h1> ${SECRET}<script>x</script></body></html>`;
  const refresh = '<meta http-equiv="refresh" content="5; url=/files">';
  const url = await serve((_, response) => response.writeHead(200).end(page + refresh));
  const warnings = new Warnings({ strict: true });
  await send(`${url}/f?sig=${SECRET}`, warnings);
  expect(warnings.list).toMatchObject([{ code: "PAGE_ANSWERED", message: `${url}/f: ${PAGE_SAYS}: File uploaded …` }]);
});

test("where a server cannot be reached, a proxy of the environment is said not to be used, without its password", () => {
  const down = Object.assign(new Error("connect ECONNREFUSED 10.0.0.1:443"), { code: "ECONNREFUSED" });
  const said = () => [httpError(down, "https://host/a", "read"), storeError(down, "s3://dumps/a", "read")];
  const without = () => {
    vi.unstubAllEnvs();
    for (const name of Object.keys(process.env))
      if (/_proxy$|^AWS_ENDPOINT_URL/i.test(name)) vi.stubEnv(name, undefined);
  };
  without();
  for (const { message } of said()) expect(message).not.toContain("does not use");
  vi.stubEnv("HTTPS_PROXY", `http://user:${SECRET}@proxy:3128`);
  vi.stubEnv("http_proxy", `http://user:${SECRET}@proxy:3128`);
  for (const { message } of said()) {
    expect(message).toContain("coresieve does not use HTTPS_PROXY: connect from a host");
    expect(message).not.toContain(SECRET);
  }
  expect(proxyUnused("http://host/a")).toContain("http_proxy");
  for (const own of ["http://localhost:9", "https://127.0.0.2/", "https://[::1]/", "no URL"])
    expect(proxyUnused(own)).toBe("");
  for (const direct of ["*", "x, host", ".host", "*.host", "host:443", "10.0.0.0/8"]) {
    vi.stubEnv("NO_PROXY", direct);
    expect([proxyUnused("https://a.host/"), proxyUnused("https://10.1.2.3/")], direct).toContain("");
  }
  for (const other of ["", "ost", "host:80", "11.0.0.0/8", "10.0.0.0/99", "/", "."]) {
    vi.stubEnv("NO_PROXY", other);
    expect([proxyUnused("https://a.host/"), proxyUnused("https://10.1.2.3/")], other).not.toContain("");
  }
  without();
  vi.stubEnv("http_proxy", "http://proxy:3128");
  expect(proxyUnused("https://host/")).toBe("");
  vi.stubEnv("ALL_PROXY", "http://proxy:3128");
  expect(proxyUnused("https://host/")).toContain("ALL_PROXY");
  vi.unstubAllEnvs();
});

test("the URL of a part that ends midway is named with its end, and without its signature", async () => {
  let parts = 0;
  const url = await serve((_, response) => {
    const message = `No longer valid: X-Amz-Signature=${SECRET}`;
    if (++parts === 1) response.writeHead(200, { etag: '"1"' }).end();
    else response.writeHead(403).end(`<Error><Code>AccessDenied</Code><Message>${message}</Message></Error>`);
  });
  const signed = `${url}/up?X-Amz-Date=20200101T000000Z&X-Amz-Expires=60&X-Amz-Signature=${SECRET}`;
  const urls = join(folder, "ended.json");
  writeFileSync(urls, JSON.stringify({ partSize: 600, parts: [signed, signed], complete: signed }));
  const sink = createHttpSink(`parts:${urls}`, { dir: folder });
  await sink.write(bytes, 0);
  const error = (await Promise.resolve(sink.finish(bytes.length)).catch((error: unknown) => error)) as Error;
  await sink.abort();
  expect(error.message).toContain("its URL ended at 2020-01-01 00:01");
  expect(error.message).not.toContain(SECRET);
});

test.each([
  `https://user:${SECRET}@host/a?X-Amz-Signature=${SECRET}`,
  `https://user:a@${SECRET}@host/a`,
  `https://user:a/${SECRET}@host/a`,
  `https://user:a?${SECRET}@host/a`,
  `https://user:a#${SECRET}@host/a?sig=${SECRET}`,
  ` https://host/a?sig=${SECRET}`,
  `https:/host/a?sig=${SECRET}`,
  `HTTPS://${SECRET}@[::1]:8080/a#${SECRET}`,
])("nothing secret of %s is shown", (url) => {
  expect(shownUrl(url)).toMatch(/^ ?https:\/\/?(\*\*\*|(\*\*\*@)?host\/a|\[::1\]:8080\/a)$/i);
});

test("a server that quotes what it was asked for shows nothing secret of it", () => {
  const url = `https://user:p%40${SECRET}@host/a?X-Amz-Signature=s%2F${SECRET}&x=1#${SECRET}`;
  for (const quoted of [url, `s/${SECRET}`, `s%2F${SECRET}`, SECRET]) {
    const error = Object.assign(new Error(`no right by "${quoted}", 1 of 11`), { status: 403, name: "AccessDenied" });
    const { message } = httpError(error, url, "read");
    expect(message).not.toContain(SECRET);
    expect(message).toContain("1 of 11");
  }
});

test.each([
  `redis://:${SECRET}@host:6379`,
  `redis://user:a@${SECRET}@host:6379`,
  `redis://user:a/${SECRET}@host:6379`,
  `:${SECRET}@host:6379`,
  `rediss://host:6379?password=${SECRET}`,
  `redis://host:6379/0?password=first@${SECRET}`,
  `redis://user:1234/${SECRET}@host:6379?x=first@${SECRET}`,
])("nothing secret of %s is shown", (url) => {
  expect(hidden(url)).not.toContain(SECRET);
  expect(hidden(url)).toContain("host:6379");
});

/** Addresses as people mistype them, with a secret in place of "%". */
function* mistyped(): Generator<string> {
  const schemes = ["https", "HTTP", "hhttps", "htps", "ttp", "xhttps", "redis", ""];
  const separators = ["://", ":///", ":/", ":", ":\\\\", "//", ":\t//", "\\\\"];
  const users = [
    "bob:%@",
    ":%@",
    "%@",
    "bob:1@%@",
    "bob:1234/%@",
    "bob:a/%@",
    "bob:/%@",
    "bob:a?%@",
    "bob:1#%@",
    "bob:a\\%@",
  ];
  const tails = ["", "/f", ":8080/f", "/f?sig=%", "/f?sig=first@%", "/f#%", "/f@1?sig=%&x=a@b:%@c"];
  for (const scheme of schemes)
    for (const separator of separators)
      for (const user of [...users, ""]) for (const tail of tails) yield `${scheme}${separator}${user}host${tail}`;
}

test("whatever is mistyped in an address, nothing secret of it is shown", () => {
  const shown: string[] = [];
  for (const form of mistyped()) {
    const address = form.replaceAll("%", SECRET);
    if (hidden(address).includes(SECRET)) shown.push(`Redis: ${form}`);
    // Without any sign of a URL it is the name of a file.
    const isFile = /^(?:(?:x[a-z]+|redis)?:(?!\t?[/\\]{2})|$)/i.test(address);
    if (isFile) continue;
    const { message } = new DumpError("NOT_READABLE", "cannot be opened", { file: address });
    if (shownUrl(address).includes(SECRET) || message.includes(SECRET)) shown.push(form);
    if (shownUrl(shownUrl(address)) !== shownUrl(address)) shown.push(`twice: ${form}`);
  }
  expect(shown).toEqual([]);
});

test.each(["a//b", "/tmp//a:1@b?c", "dumps/10:20@host", "vmcore-2026-01-01T10:20:30@host", "s3://dumps/10:20@host?a"])(
  "%s is the name of a file or an object, and is shown",
  (name) => {
    expect(shownUrl(name)).toBe(name);
  },
);

test("a URL with @ in its path, and no port, is shown whole", () => {
  expect(shownUrl("https://host/10:20@b/f?sig=1")).toBe("https://host/10:20@b/f");
  expect(shownUrl("https://[::1]:80/a@b")).toBe("https://[::1]:80/a@b");
});

test("outputs by a signed URL are named without its signature, in JSON too", async () => {
  const url = `${await serve((_, response) => response.writeHead(200, { etag: '"x"' }).end())}/o?X-Amz-Signature=${SECRET}`;
  const at = (name: string) => join(folder, name);
  writeFileSync(at("dump"), sampleDump());
  expect(await runHere(["split", at("dump"), at("1"), at("2")])).toMatchObject({ code: 0, stderr: "" });
  writeFileSync(at("flat"), flatten(sampleDump()));
  for (const args of [
    [at("dump"), url],
    ["reassemble", at("1"), at("2"), url],
    ["rearrange", at("flat"), url],
    ["report", at("dump"), "--output", url],
  ]) {
    for (const further of [[], ["--json"]]) {
      const { code, stdout, stderr } = await runHere([...args, ...further]);
      expect({ args, code }).toEqual({ args, code: 0 });
      expect(`${stdout}${stderr}`).not.toContain(SECRET);
    }
  }
});
