/** Credentials that end in the middle of a run: renewed where there is a way to, and said where there is none. */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { httpError } from "../../src/store/http-request.js";
import { endOf } from "../../src/store/http-url.js";
import { S3Access } from "../../src/store/s3-access.js";
import { credentialsError, mayBeDone, storeError } from "../../src/store/s3-errors.js";
import { S3Store } from "../../src/store/s3-store.js";
import { temporaryFolder } from "../support/filter.js";

const at = { bucket: "dumps", key: "vmcore" };
const bytes = Buffer.alloc(100_000, "of a dump, ");
let server: Server | undefined;
afterEach(() => {
  vi.unstubAllEnvs();
  server?.closeAllConnections();
  server?.close();
});

/** A store that accepts no token but `token.good`, and notes all that it sees. */
async function storeOf(token: { good: string; seen: string[] }): Promise<string> {
  const started = createServer((request, response) => {
    const seen = request.headers["x-amz-security-token"]?.toString() ?? "";
    token.seen.push(seen);
    request.resume().on("end", () => {
      if (seen !== token.good) {
        response
          .writeHead(400)
          .end("<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>");
        return;
      }
      if (request.method === "HEAD") {
        response.writeHead(200, { etag: '"e"', "content-length": bytes.length }).end();
        return;
      }
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      const part = bytes.subarray(Number(from), Number(to) + 1);
      response.writeHead(206, { etag: '"e"', "content-range": `bytes ${from}-${to}/${bytes.length}` }).end(part);
    });
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

/** A profile whose program gives the token that is in a file, and says that it lasts for hours. */
function profile(
  endpoint: string,
  first: string,
): { readonly give: (token: string) => void; readonly asked: () => number } {
  const folder = temporaryFolder();
  const [file, script, calls] = [join(folder, "token"), join(folder, "give.mjs"), join(folder, "calls")];
  writeFileSync(calls, "");
  writeFileSync(
    script,
    `import { appendFileSync, readFileSync } from "node:fs";
appendFileSync(${JSON.stringify(calls)}, "x");
const SessionToken = readFileSync(${JSON.stringify(file)}, "utf8");
const Expiration = new Date(Date.now() + 3_600_000).toISOString();
console.log(JSON.stringify({ Version: 1, AccessKeyId: "who", SecretAccessKey: "secret", SessionToken, Expiration }));`,
  );
  writeFileSync(
    join(folder, "config"),
    `[profile here]\nregion = eu-west-1\ncredential_process = ${process.execPath} ${script}\n`,
  );
  const give = (token: string) => writeFileSync(file, token);
  give(first);
  const env = { AWS_CONFIG_FILE: join(folder, "config"), AWS_PROFILE: "here", AWS_ENDPOINT_URL: endpoint };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"])
    vi.stubEnv(name, "");
  return { give, asked: () => readFileSync(calls, "utf8").length };
}

test("a token that a store refuses for its age is renewed, once for all requests, and they are sent again", async () => {
  const token = { good: "first", seen: [] as string[] };
  const { give, asked } = profile(await storeOf(token), "first");
  const store = new S3Store(new S3Access(process.env));
  const read = async (offset: number) => {
    const into = Buffer.alloc(1000);
    await store.read(at, offset, into, '"e"');
    expect(into.equals(bytes.subarray(offset, offset + 1000))).toBe(true);
  };
  await read(0);
  const before = asked();
  token.good = "second";
  give("second");
  token.seen.length = 0;
  await Promise.all([read(1000), read(2000), read(3000)]);
  expect(token.seen.filter((one) => one === "second")).toHaveLength(3);
  expect(asked()).toBe(before + 1);
  // There is nothing newer: said after one more try at most.
  token.good = "third";
  token.seen.length = 0;
  await expect(read(4000)).rejects.toMatchObject({
    code: "NOT_READABLE",
    message: expect.stringContaining("have expired"),
  });
  expect(token.seen.length).toBeLessThanOrEqual(2);
});

test("an answer to HEAD cannot say that a token is too old: the GET for its reason renews it", async () => {
  const token = { good: "first", seen: [] as string[] };
  const { give } = profile(await storeOf(token), "first");
  const store = new S3Store(new S3Access(process.env));
  expect(await store.head(at)).toMatchObject({ size: bytes.length });
  token.good = "second";
  give("second");
  expect(await store.head(at)).toMatchObject({ size: bytes.length });
  token.good = "third";
  await expect(store.head(at)).rejects.toThrow("have expired");
});

test("a token of the environment cannot be renewed", async () => {
  const token = { good: "new", seen: [] as string[] };
  const store = new S3Store(
    new S3Access({
      ...{ AWS_ENDPOINT_URL: await storeOf(token), AWS_REGION: "eu-west-1", AWS_SESSION_TOKEN: "old" },
      ...{ AWS_ACCESS_KEY_ID: "who", AWS_SECRET_ACCESS_KEY: "secret" },
    }),
  );
  await expect(store.read(at, 0, Buffer.alloc(10), '"e"')).rejects.toMatchObject({
    code: "NOT_READABLE",
    message: expect.stringContaining("have expired"),
  });
  expect(token.seen).toEqual(["old"]);
});

test.each([
  ["https://h/a?X-Amz-Date=20240229T235900Z&X-Amz-Expires=120&X-Amz-Signature=s", "2024-03-01 00:01:00 UTC"],
  ["https://h/a?X-Goog-Date=20240101T000000Z&X-Goog-Expires=3600", "2024-01-01 01:00:00 UTC"],
  ["https://h/a?AWSAccessKeyId=w&Expires=1704067200&Signature=s", "2024-01-01 00:00:00 UTC"],
  ["https://h/a?sv=2022-11-02&se=2024-01-01T00%3A00%3A00Z&sig=s", "2024-01-01 00:00:00 UTC"],
])("a URL that ended while it was used: %s", (url, when) => {
  const refused = Object.assign(new Error("Request has expired"), { name: "AccessDenied", status: 403 });
  const { message } = httpError(refused, url, "read");
  expect(message).toContain(`its URL ended at ${when}`);
  expect(message).toContain("Ask for a URL that lasts as long as the run");
});

test("what a URL does not say, or what is not its age", () => {
  for (const url of [
    "https://h/a",
    "https://h/a?X-Amz-Date=x",
    "https://h/a?X-Amz-Date=20240101T000000Z",
    "https://h/a?Expires=never",
    "no",
  ]) {
    expect(endOf(url)).toBeUndefined();
  }
  const later = `https://h/a?Expires=${Math.floor(Date.now() / 1000) + 3600}`;
  const refused = Object.assign(new Error("no"), { name: "AccessDenied", status: 403 });
  expect(httpError(refused, later, "read").message).toContain("the server answers 403");
  const down = Object.assign(new Error("down"), { name: "HttpError", status: 503 });
  expect(httpError(down, "https://h/a?Expires=1704067200", "read").message).toContain("the server answers 503");
});

test("without credentials nothing was sent; where there were some, their source is to be checked", () => {
  const error = new Error("the endpoint says 503");
  for (const had of [true, false]) {
    expect(mayBeDone(credentialsError(error, had))).toBe(false);
    const { message } = storeError(credentialsError(error, had), "s3://dumps/out", "write");
    expect(message).toContain(had ? "Check what gives the credentials" : "Set AWS_PROFILE");
  }
});

test("a damaged answer of what gives credentials is not quoted", () => {
  for (const answer of ["wJalrXUtnFEMI", '{"SecretAccessKey":"wJalrXUtnFEMI"x', '{"S":"wJalr', '{"S":"wJ\nalr"}']) {
    let said: unknown;
    try {
      JSON.parse(answer);
    } catch (error) {
      said = error;
    }
    for (const error of [said, new Error(String(said)), new Error((said as Error).message)]) {
      const found = credentialsError(error, false);
      expect(found.message).toBe("the answer of what gives them is not JSON");
      expect(found.cause).toBe(undefined);
    }
  }
});
