/** Who a store is told to be, where its bucket is, what is wrong with the way to it, and stores that are slow or stall. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { attachCache, cacheMemory, LINE, MAX_OBJECTS } from "../../src/store/block-cache.js";
import { Fetcher } from "../../src/store/fetcher.js";
import type { TIMEOUTS } from "../../src/store/http-request.js";
import { openStore } from "../../src/store/open-store.js";
import { FIRST_PART_SIZE } from "../../src/store/part-plan.js";
import { S3Access, type StoreEnvironment } from "../../src/store/s3-access.js";
import { S3Store } from "../../src/store/s3-store.js";
import { createObjectSink } from "../../src/writer/object-sink.js";
import type { Sink } from "../../src/writer/sink.js";
import { temporaryFolder } from "../support/filter.js";
import { type S3Double, startS3Double } from "../support/s3-double.js";

let double: S3Double;
let before: NodeJS.ProcessEnv;
const folder = temporaryFolder();
const at = { bucket: "dumps", key: "vmcore" };
const bytes = Buffer.alloc(150_000, "of a dump ");

beforeAll(async () => {
  double = await startS3Double();
  await double.stock("dumps/vmcore", bytes);
  before = { ...process.env };
});
afterAll(() => double.stop());
beforeEach(() => double.reset());
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
});

/** What HEAD says, with the environment of now. */
async function head() {
  const store = openStore();
  try {
    return await store.head(at);
  } finally {
    await store.close();
  }
}

/** Without what the tests' environment says of who we are. */
function forget(...names: readonly string[]): void {
  for (const name of names) delete process.env[name];
  Object.assign(process.env, {
    AWS_SHARED_CREDENTIALS_FILE: join(folder, "credentials"),
    AWS_CONFIG_FILE: join(folder, "config"),
  });
}

test("credentials and region come from a profile; the environment goes first; without a region it is us-east-1", async () => {
  const scope = async () => {
    await double.clear();
    await head();
    return /Credential=([^/]*)\/\d+\/([^/]*)\//.exec((await double.log())[0]?.authorization ?? "")?.slice(1);
  };
  writeFileSync(
    join(folder, "credentials"),
    "[default]\naws_access_key_id = d\naws_secret_access_key = d\n[team]\naws_access_key_id = t\naws_secret_access_key = t\n",
  );
  writeFileSync(join(folder, "config"), "[profile team]\nregion = eu-west-7\n");
  forget();
  expect(await scope()).toEqual(["double", "us-east-1"]);
  forget("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION");
  expect(await scope()).toEqual(["d", "us-east-1"]);
  process.env["AWS_PROFILE"] = "team";
  expect(await scope()).toEqual(["t", "eu-west-7"]);
  process.env["AWS_PROFILE"] = "nobody";
  await expect(head()).rejects.toThrow(/there are no credentials: .+\. Set AWS_PROFILE/);
});

const KEYS = { AWS_ACCESS_KEY_ID: "who", AWS_SECRET_ACCESS_KEY: "secret", AWS_REGION: "eu-west-1" };
test.each<[StoreEnvironment, string]>([
  [{}, "dumps.s3.eu-west-1.amazonaws.com/"],
  [{ AWS_ENDPOINT_URL: "https://store.example" }, "store.example/dumps/"],
  [{ AWS_ENDPOINT_URL: "https://store.example:9000/s3/" }, "store.example:9000/s3/dumps/"],
  [{ AWS_ENDPOINT_URL: "https://store.example", CORESIEVE_S3_PATH_STYLE: "0" }, "dumps.store.example/"],
  [{ CORESIEVE_S3_PATH_STYLE: "1" }, "s3.eu-west-1.amazonaws.com/dumps/"],
])("where the bucket stands: %j", async (said, expected) => {
  forget("AWS_ENDPOINT_URL");
  // With the keys of the environment it is known without the SDK; with those of a profile by it. That it is the same is what counts.
  writeFileSync(join(folder, "credentials"), "[team]\naws_access_key_id = who\naws_secret_access_key = secret\n");
  writeFileSync(join(folder, "config"), "");
  for (const who of [{}, { AWS_PROFILE: "team" }]) {
    const env = { ...KEYS, ...said, ...who };
    Object.assign(process.env, env);
    const { origin, path, region, service, credentials } = await new S3Access(env).placeOf("dumps");
    expect(origin.host + path).toBe(expected);
    expect([region, service]).toEqual(["eu-west-1", "s3"]);
    expect(await credentials()).toMatchObject({ accessKeyId: "who", secretAccessKey: "secret" });
  }
});

test("the region that AWS says a bucket is in is asked from then on; a store of one's own is taken at its word", async () => {
  forget("AWS_ENDPOINT_URL");
  Object.assign(process.env, KEYS);
  const access = new S3Access(KEYS);
  expect(access.moved("dumps", "eu-west-7")).toBe(true);
  const { origin, region } = await access.placeOf("dumps");
  expect([origin.host, region]).toEqual(["dumps.s3.eu-west-7.amazonaws.com", "eu-west-7"]);
  expect(access.moved("dumps", "no/region")).toBe(false);
  expect(new S3Access({ ...KEYS, AWS_ENDPOINT_URL: "https://store.example" }).moved("dumps", "eu-west-7")).toBe(false);
});

test("a bucket that is elsewhere is asked for again when there were no credentials for that", async () => {
  writeFileSync(join(folder, "credentials"), "");
  writeFileSync(join(folder, "config"), "");
  forget("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
  const access = new S3Access({ AWS_REGION: "eu-west-1" });
  expect(access.moved("dumps", "eu-west-7")).toBe(true);
  await expect(access.placeOf("dumps")).rejects.toMatchObject({ name: "CredentialsProviderError" });
  Object.assign(process.env, KEYS);
  expect((await access.placeOf("dumps")).service).toBe("s3");
});

test("a directory bucket is asked with the session that the SDK opens", async () => {
  const name = { bucket: "fast--usw2-az1--x-s3", key: "vmcore" };
  // At an address the SDK begins the path of such a bucket with two slashes.
  await double.put(`${name.bucket}//vmcore`, bytes);
  const store = openStore();
  expect(await store.head(name)).toMatchObject({ size: bytes.length });
  await store.close();
  const said = (await double.log()).map(({ query, session }) => [query, session]);
  expect(said).toEqual([
    ["?session=", undefined],
    ["", "of a session"],
  ]);
});

test.each([
  ["ExpiredToken", 400, {}, "the credentials have expired, and there are no newer ones (ExpiredToken)"],
  ["InvalidAccessKeyId", 403, {}, "the store refuses the credentials (InvalidAccessKeyId)"],
  ["AccessDenied", 403, {}, "access denied. The account needs s3:GetObject"],
  [
    "PermanentRedirect",
    301,
    { "x-amz-bucket-region": "eu-west-7" },
    "in another region, eu-west-7. Set AWS_REGION=eu-west-7",
  ],
])("%s, which an answer to HEAD does not tell, is told", async (code, status, headers, says) => {
  for (const method of ["HEAD", "GET"]) await double.fault({ method, kind: "status", status, code, headers });
  await expect(head()).rejects.toThrow(says);
});

test("a clock that is wrong by an hour is reckoned with", async () => {
  await double.set({ clock: 3_600_000 });
  const store = openStore();
  expect(await store.head(at)).toMatchObject({ size: bytes.length });
  await store.read(at, 0, new Uint8Array(10), "");
  await store.close();
  expect((await double.log()).map(({ status }) => status)).toEqual([403, 200, 206]);
});

test("a name that nobody knows is told with what may be wrong with it", async () => {
  process.env["AWS_ENDPOINT_URL"] = "http://no-such-store.invalid";
  await expect(head()).rejects.toThrow(
    /(unknown host name|its name cannot be looked up now).*CORESIEVE_S3_PATH_STYLE|EAI_AGAIN/,
  );
});

/** Sinks of runs that ended in the middle: they have the store open. */
const unfinished: Sink[] = [];
afterEach(async () => {
  for (const sink of unfinished.splice(0)) await sink.abort();
});

/** Writes three parts, but for the last, or all of them. */
async function upload(whole: boolean): Promise<{ resumed: number } | undefined> {
  const sink = createObjectSink("s3://dumps/out", { force: true, inputs: [] });
  unfinished.push(sink);
  sink.ascendingFrom?.(0);
  const part = (n: number) => new Uint8Array(FIRST_PART_SIZE).fill(n);
  for (let n = 0; n < 3; n++) await sink.write(part(n + 1), n * FIRST_PART_SIZE);
  if (whole) {
    await sink.finish(3 * FIRST_PART_SIZE);
    unfinished.splice(unfinished.indexOf(sink), 1);
    return sink.upload?.();
  }
  while ((await double.uploads())[0]?.parts.length !== 2) await new Promise((resolve) => setTimeout(resolve, 20));
  return undefined;
}

test("checksums are not sent to stores that may not know them, unless asked for", async () => {
  await double.set({ checksums: "refused" });
  await upload(true);
  expect((await double.log()).flatMap(({ headers }) => headers)).toEqual([]);
  process.env["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_supported";
  await expect(upload(true)).rejects.toThrow("AWS_REQUEST_CHECKSUM_CALCULATION");
});

test("each part has a digest that the store compares; where it wants MD5s it is asked once without", async () => {
  const digests = async () =>
    (await double.log()).filter(({ query }) => query.includes("partNumber")).map(({ digest }) => digest);
  await upload(true);
  expect(await digests()).toEqual(["sha256", "sha256", "sha256"]);
  await double.clear();
  await double.set({ digests: "md5" });
  await upload(true);
  expect((await digests()).filter((one) => one === "md5")).toHaveLength(3);
  expect(Buffer.from((await double.get("dumps/out")) as Uint8Array).subarray(FIRST_PART_SIZE)[0]).toBe(2);
});

test("where ETags are no MD5s an upload is gone on with by CRC-32s; without them it is sent anew", async () => {
  await double.set({ etags: "opaque", checksums: "kept" });
  await upload(false);
  const [left] = await double.uploads();
  expect(await upload(true)).toMatchObject({ resumed: left?.parts.length });
  const out = (await double.get("dumps/out")) as Uint8Array;
  expect(crc32(out)).toBe(crc32(Buffer.concat([1, 2, 3].map((n) => Buffer.alloc(FIRST_PART_SIZE, n)))));
  await double.set({ checksums: "unknown" });
  await upload(false);
  expect(await upload(true)).toMatchObject({ resumed: 0 });
  expect(await double.uploads()).toEqual([]);
});

/** A store in this thread, that waits for less. */
function impatient(timeouts: Partial<typeof TIMEOUTS>): S3Store {
  return new S3Store(new S3Access(), timeouts);
}

async function readAll(store: S3Store): Promise<Buffer> {
  const into = Buffer.alloc(bytes.length);
  await store.read(at, 0, into, "");
  await store.close();
  return into;
}

test("an answer that stops midway is asked for again from there, one that never begins anew", async () => {
  const store = impatient({ body: 1000, idle: 3000 });
  await double.fault({ method: "GET", kind: "silent" });
  await double.fault({ method: "GET", kind: "stall" });
  expect((await readAll(store)).equals(bytes)).toBe(true);
  const half = bytes.length / 2;
  expect((await double.log()).map(({ range }) => range)).toEqual([
    `bytes=0-${bytes.length - 1}`,
    `bytes=0-${bytes.length - 1}`,
    `bytes=${half}-${bytes.length - 1}`,
  ]);
});

test("a store that is slow, but does not stop, is read and written to", async () => {
  // All of it takes several times as long as nothing may happen, and that is longer than a busy machine lets anybody wait. What is sent is so much that sockets do
  // not hold it all.
  await double.set({ rate: bytes.length / 10, intake: 3_300_000 });
  const [reader, writer] = [impatient({ body: 3500, idle: 3500 }), impatient({ idle: 3500 })];
  const body = Buffer.alloc(32 * 2 ** 20, "slow");
  const put = writer.put({ bucket: "dumps", key: "slow" }, body, { force: true });
  expect((await readAll(reader)).equals(bytes)).toBe(true);
  await put;
  await writer.close();
  expect((await double.log()).map(({ method }) => method).sort()).toEqual(["GET", "PUT"]);
  expect(Buffer.from((await double.get("dumps/slow")) as Uint8Array).equals(body)).toBe(true);
});

test("no more is fetched ahead than the cache has room for, however slow who reads", async () => {
  const size = 64 * 2 ** 20;
  await double.put("dumps/vmcore", Buffer.alloc(size));
  const store = impatient({});
  const fetcher = new Fetcher(attachCache(cacheMemory()));
  const object = fetcher.open(store, at, size, "");
  fetcher.follow(object, Float64Array.of(0, size), true);
  const room = 20 * 2 ** 20;
  const sentBytes = async () => (await double.log()).reduce((sum, { sent = 0 }) => sum + sent, 0);
  while ((await sentBytes()) < room) await new Promise((resolve) => setTimeout(resolve, 20));
  // More would be asked for as soon as that is there: each look is a request of its own that comes behind it.
  for (let look = 0; look < 20; look++) expect(await sentBytes()).toBe(room);
  fetcher.close(object);
  await store.close();
});

test("objects that were closed take nothing from those that are opened after them", async () => {
  await double.put("dumps/vmcore", Buffer.alloc(LINE));
  const store = impatient({});
  const cache = attachCache(cacheMemory());
  const fetcher = new Fetcher(cache);
  // More than there are numbers for objects, and lines that may be fetched ahead: nobody reads what was.
  for (let n = 0; n < MAX_OBJECTS + 50; n++) {
    const object = fetcher.open(store, at, LINE, "");
    expect([cache.fetched[object], cache.requests[object]]).toEqual([0, 0]);
    fetcher.follow(object, Float64Array.of(0, LINE), true);
    while (cache.fetched[object] !== LINE) await new Promise((resolve) => setTimeout(resolve, 1));
    fetcher.close(object);
  }
});
