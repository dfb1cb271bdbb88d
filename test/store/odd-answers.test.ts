/** Answers of stores, and of proxies before them, that are not what was asked for, or that do not arrive. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { attachCache, cacheMemory, failureOf, setFailure } from "../../src/store/block-cache.js";
import { S3Access } from "../../src/store/s3-access.js";
import { sized } from "../../src/store/s3-errors.js";
import { S3Store } from "../../src/store/s3-store.js";

const at = { bucket: "dumps", key: "vmcore" };
const bytes = Buffer.alloc(3 * 2 ** 20, "of a dump of some length, ");
let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A store that answers like this. */
async function storeOf(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<S3Store> {
  const started = createServer(answer);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const { port } = started.address() as AddressInfo;
  return new S3Store(
    new S3Access({
      ...{ AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`, AWS_REGION: "eu-west-1" },
      ...{ AWS_ACCESS_KEY_ID: "who", AWS_SECRET_ACCESS_KEY: "secret" },
    }),
  );
}

test("a store that sends all of an object instead of a range: its beginning is used, and is not taken for another place", async () => {
  const store = await storeOf((_, response) => {
    response.writeHead(200, { etag: '"e"', "content-length": bytes.length });
    response.end(bytes);
  });
  const into = Buffer.alloc(1000);
  await store.read(at, 0, into, '"e"');
  expect(into.equals(bytes.subarray(0, 1000))).toBe(true);
  await expect(store.read(at, 2_000_001, into, '"e"')).rejects.toMatchObject({ code: "NOT_READABLE" });
  expect(await store.begin(at)).toMatchObject({ size: bytes.length, etag: '"e"' });
});

test("a part that does not say where it begins is not believed to begin where it was asked for", async () => {
  const store = await storeOf((_, response) => {
    response.writeHead(206, { etag: '"e"', "content-length": 1000 });
    response.end(bytes.subarray(0, 1000));
  });
  const into = Buffer.alloc(1000);
  await expect(store.read(at, 2_000_001, into, '"e"')).rejects.toMatchObject({ code: "NOT_READABLE" });
});

test.each([200, 206])("%i without a length: it is no length that as much arrived as was asked for", async (status) => {
  let length = bytes.length;
  const store = await storeOf((_, response) => {
    response.writeHead(status, { etag: '"e"' });
    response.end(bytes.subarray(0, status === 200 ? length : Math.min(length, 2 ** 20)));
  });
  await expect(store.begin(at)).rejects.toMatchObject({ code: "NOT_READABLE" });
  length = 5;
  expect(await store.begin(at)).toMatchObject({ size: 5 });
});

test("a small object whose first answer is lost is there, and is not somebody else's", async () => {
  let stored: { readonly body: Buffer; readonly mark: string | undefined } | undefined;
  let asked = 0;
  const store = await storeOf((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method === "HEAD") {
        const etag = createHash("md5")
          .update(stored?.body ?? "")
          .digest("hex");
        const mark = stored?.mark === undefined ? {} : { "x-amz-meta-coresieve-run": stored.mark };
        response.writeHead(200, { etag: `"${etag}"`, "content-length": stored?.body.length, ...mark });
        return response.end();
      }
      asked++;
      if (stored !== undefined) return response.writeHead(412).end();
      stored = {
        body: Buffer.concat(chunks),
        mark: request.headers["x-amz-meta-coresieve-run"]?.toString(),
      };
      return request.socket.destroy();
    });
  });
  const small = Buffer.from("small");
  await store.put(at, small, { force: false, mark: "mine" });
  expect(asked).toBe(2);
  // Other bytes, another mark, or an object that was there before.
  for (const [body, mark, there] of [
    [Buffer.from("other"), "mine", undefined],
    [small, "others", undefined],
    [small, "mine", { body: small, mark: "mine" }],
  ] as const) {
    stored = there ?? { body, mark };
    await expect(store.put(at, small, { force: false, mark: "mine" })).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
  }
});

test("an upload is completed when the store says so: not by a page of a proxy, nor by the beginning of an answer", async () => {
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n  ';
  const whole = `${head}<CompleteMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ETag>&quot;e-1&quot;</ETag></CompleteMultipartUploadResult>`;
  const answers: string[] = [];
  const store = await storeOf((request, response) => {
    request.resume().on("end", () => response.end(answers.shift()));
  });
  const complete = () => store.completeUpload(at, "id", [{ number: 1, size: 5, etag: '"e"' }], { force: true });
  answers.push("", head, `${head}<Error><Code>InternalError</Code></Error>`, whole);
  expect(await complete()).toEqual({ size: 5, etag: '"e-1"' });
  expect(answers).toEqual([]);
  answers.push("<html><body>Log in</body></html>");
  await expect(complete()).rejects.toThrow("is not an answer of S3");
});

test.each([
  ["control characters", "\u0001"],
  ["characters of three bytes", "\u65e5"],
  ["any length", "x".repeat(100)],
])("a store's message with %s reaches the thread that reads", (_, piece) => {
  const cache = attachCache(cacheMemory());
  const file = `s3://dumps/${"k".repeat(1024)}`;
  const what = `cannot be read: ${piece.repeat(300)}`;
  setFailure(cache, 1, { code: "NOT_READABLE", what, file, cure: "Look at the store's log" });
  const { code, message } = failureOf(cache, 1);
  expect([code, message]).toEqual(["NOT_READABLE", expect.stringMatching(/^cannot be read: /)]);
});

test.each([408, 425, 429])("%i: the server is busy or gave up waiting, and is asked again", async (status) => {
  let asked = 0;
  const store = await storeOf((request, response) => {
    asked++;
    request.resume().on("end", () => {
      if (asked < 3) return response.writeHead(status).end();
      response.writeHead(200, { etag: '"e"' });
      return response.end();
    });
  });
  await store.put(at, Buffer.from("small"), { force: true });
  expect(asked).toBe(3);
});

test("a page that a proxy answers with 200 is no answer to any request: nothing was read, listed, sent or removed", async () => {
  const store = await storeOf((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      response.end(request.method === "HEAD" ? undefined : "<html><body>Log in</body></html>".repeat(9000));
    });
  });
  const part = { number: 1, size: 5, etag: '"e"' };
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    head: () => store.head(at),
    read: () => store.read(at, 0, Buffer.alloc(1000), '"e"'),
    "read in the middle": () => store.read(at, 2_000_001, Buffer.alloc(1000), '"e"'),
    put: () => store.put(at, Buffer.from("small"), { force: true }),
    remove: () => store.remove(at),
    list: () => store.list(at),
    createUpload: () => store.createUpload(at),
    uploadPart: () => store.uploadPart(at, "id", 1, Buffer.from("part")),
    listParts: () => store.listParts(at, "id"),
    listUploads: () => store.listUploads(at),
    completeUpload: () => store.completeUpload(at, "id", [part], { force: true }),
    abortUpload: () => store.abortUpload(at, "id"),
  };
  for (const [name, call] of Object.entries(calls)) {
    const code = /^(head|read)/.test(name) ? "NOT_READABLE" : "NOT_WRITABLE";
    await expect(call(), name).rejects.toMatchObject({ code });
  }
});

test("an empty answer is no page, whatever it is called: Swift calls it HTML", async () => {
  const store = await storeOf((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": "text/html; charset=UTF-8", "content-length": 0, etag: '"e"' }).end();
    });
  });
  await store.put(at, Buffer.from("small"), { force: true });
  expect(await store.uploadPart(at, "id", 1, Buffer.from("part"))).toMatchObject({ etag: '"e"' });
  await store.abortUpload(at, "id");
  await store.remove(at);
});

test("lists of another kind, or none, are no empty lists", async () => {
  let text = "";
  const store = await storeOf((request, response) => {
    request.resume().on("end", () => response.end(text));
  });
  for (text of ["", "{}", "<ListBucketResults/>", '<?xml version="1.0"?><Error><Code>X</Code></Error>']) {
    await expect(store.list(at)).rejects.toThrow("is not an answer of S3");
    await expect(store.listParts(at, "id")).rejects.toThrow("is not an answer of S3");
    await expect(store.listUploads(at)).rejects.toThrow("is not an answer of S3");
  }
  text = '\n<?xml version="1.0" encoding="UTF-8"?>\n<s3:ListBucketResult xmlns:s3="x"></s3:ListBucketResult>';
  expect(await store.list(at)).toEqual([]);
});

test("an answer to HEAD without a length is that of an object that exists, and not of an empty one", async () => {
  const store = await storeOf((request, response) => {
    request.resume().on("end", () => {
      if (request.method === "PUT" && request.headers["if-none-match"]) return response.writeHead(501).end();
      return response.writeHead(200, { etag: '"e"', "transfer-encoding": "chunked" }).end();
    });
  });
  const found = await store.head(at);
  expect(found).toMatchObject({ size: undefined, etag: '"e"' });
  expect(() => found && sized(found, "s3://dumps/vmcore")).toThrow(expect.objectContaining({ code: "NOT_READABLE" }));
  await expect(store.put(at, bytes.subarray(0, 5), { force: false })).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
});

test("an object that is confirmed without an ETag is looked for: some stores send none, and what is no store does", async () => {
  let there: object | undefined;
  const store = await storeOf((request, response) => {
    request.resume().on("end", () => {
      if (request.method === "HEAD") response.writeHead(there === undefined ? 404 : 200, { ...there }).end();
      else response.writeHead(200).end();
    });
  });
  const put = (mark?: string) => store.put(at, Buffer.from("small"), { force: true, mark });
  there = { "content-length": 5 };
  await put();
  there = { "content-length": 5, "x-amz-meta-coresieve-run": "mine" };
  await put("mine");
  const others = [
    undefined,
    { etag: '"e"' },
    { "content-length": 4 },
    { "content-length": 5, "x-amz-meta-coresieve-run": "other" },
  ];
  for (there of others) await expect(put("mine")).rejects.toMatchObject({ code: "NOT_WRITABLE" });
});

test.each([
  "a b",
  "a+b",
  "a%20b",
  "a%b",
  "a?b#c",
  "\u00e4\u65e5\ud83d\ude00",
  "a//b/../c/./d",
  "a&b=c;d,e:f@g",
  "'(*)!~",
])("the key %s is asked for as it is", async (key) => {
  let path = "";
  const store = await storeOf((request, response) => {
    path = request.url ?? "";
    response.writeHead(200, { etag: '"e"', "content-length": 5 }).end();
  });
  expect(await store.head({ bucket: "dumps", key })).toMatchObject({ size: 5 });
  expect(path).toMatch(/^\/dumps\/[\w.~%/-]+$/);
  expect(decodeURIComponent(path)).toBe(`/dumps/${key}`);
});

test("a store with an IPv6 address", async () => {
  const started = createServer(({ headers }, response) => {
    response.writeHead(headers.host?.startsWith("[::1]:") ? 200 : 400, { etag: '"e"', "content-length": 5 }).end();
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "::1", resolve));
  const { port } = started.address() as AddressInfo;
  const keys = { AWS_ACCESS_KEY_ID: "who", AWS_SECRET_ACCESS_KEY: "secret", AWS_REGION: "eu-west-1" };
  const store = new S3Store(new S3Access({ ...keys, AWS_ENDPOINT_URL: `http://[::1]:${port}` }));
  expect(await store.head(at)).toMatchObject({ size: 5 });
});
