// A double of an S3 store for tests, in a thread of its own (the one that asks it may be blocked in a read). Objects and uploads are
// in memory, nothing is authenticated, and faults come on demand.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { parentPort, workerData } from "node:worker_threads";
import { crc32 } from "node:zlib";

/** Objects by bucket/key, uploads by id, what was asked, and faults to come. */
const objects = new (class extends Map {
  set(name, object) {
    return super.set(name, { modified: new Date(Date.now() + settings.clock).toISOString(), ...object });
  }
})();
const uploads = new Map();
let log = [];
let faults = [];
const DEFAULTS = {
  conditions: true,
  latency: 0,
  etags: "md5",
  checksums: "unknown",
  clock: 0,
  rate: 0,
  intake: 0,
  digests: "any",
};
let settings = { ...DEFAULTS };
let ids = 0;
/** Objects that come back at each reset: their bytes are copied to this thread, and read for their ETag, once. */
const stock = new Map();

/** Digests of bodies, which stay as they came: a part's is asked for when it comes, in each list, and at the end. */
const digests = new WeakMap();
function md5(bytes) {
  if (!digests.has(bytes)) digests.set(bytes, createHash("md5").update(bytes).digest());
  return digests.get(bytes);
}
const xml = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

const tls = workerData?.tls;
const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);

function take(request, response) {
  const chunks = [];
  request.on("data", (chunk) => {
    chunks.push(chunk);
    if (settings.intake === 0) return;
    request.pause();
    setTimeout(() => request.resume(), (1000 * chunk.length) / settings.intake);
  });
  request.on("error", () => {});
  request.on("end", () => setTimeout(() => answer(request, response, Buffer.concat(chunks)), settings.latency));
}

/** As S3 has it: 15 minutes. */
const MOST_SKEW = 900_000;
/** What a body is like: its ETag where that is no MD5 (as with SSE-KMS). */
const opaque = (bytes) =>
  `"${createHash("sha256").update("a key of the store").update(bytes).digest("hex").slice(0, 32)}"`;
const crcOf = (bytes) => {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString("base64");
};

/** Metadata that stays with an object. */
const metaOf = ({ headers }) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("x-amz-meta-")));

function answer(request, response, body) {
  const url = new URL(request.url, "http://double");
  const name = decodeURIComponent(url.pathname.slice(1));
  const query = url.searchParams;
  const entry = {
    method: request.method,
    name,
    query: url.search,
    range: request.headers.range,
    bytes: body.length,
    authorization: request.headers.authorization,
    host: request.headers.host,
    session: request.headers["x-amz-s3session-token"],
    headers: Object.keys(request.headers).filter((one) => /checksum|content-encoding|trailer/.test(one)),
  };
  log.push(entry);
  const send = (status, headers = {}, content = "") => {
    entry.status = status;
    const date = new Date(Date.now() + settings.clock).toUTCString();
    // The head of an answer arrives, and what was to come behind it does not.
    if (fault?.kind === "cut" && request.method === "PUT") {
      response.writeHead(status, { "content-length": 100, date, ...headers });
      return void response.write("<", () => request.socket.destroy());
    }
    response.writeHead(status, { "content-length": Buffer.byteLength(content), date, ...fault?.headers, ...headers });
    response.end(content);
  };
  const fail = (status, code, message = code) =>
    send(
      status,
      { "content-type": "application/xml" },
      request.method === "HEAD" ? "" : `<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
    );
  let fault;
  const at = faults.findIndex(
    (fault) =>
      fault.method === request.method && new RegExp(fault.match ?? "").test(name + url.search) && !(fault.skip-- > 0),
  );
  fault = at < 0 ? undefined : faults[at];
  if (fault !== undefined && --fault.times <= 0) faults.splice(at, 1);
  if (fault?.kind === "status") return fail(fault.status, fault.code, fault.message);
  if (fault?.kind === "reset") return request.socket.destroy();
  if (fault?.kind === "silent") return;
  if (fault?.kind === "replace") objects.set(name, { ...objects.get(name), etag: '"another"' });
  const said = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(request.headers["x-amz-date"] ?? "");
  if (said !== null) {
    const [, year, month, day, hour, minute, second] = said.map(Number);
    const skew = Date.UTC(year, month - 1, day, hour, minute, second) - (Date.now() + settings.clock);
    if (Math.abs(skew) > MOST_SKEW) return fail(403, "RequestTimeTooSkewed");
  }
  if (settings.checksums === "refused" && entry.headers.length > 0) return fail(501, "NotImplemented");
  const object = objects.get(name);
  const etagOf = (bytes) => (settings.etags === "md5" ? `"${md5(bytes).toString("hex")}"` : opaque(bytes));
  const exists = () => settings.conditions && request.headers["if-none-match"] === "*" && object !== undefined;
  const conditional = request.headers["if-none-match"] !== undefined && settings.conditions === "refused";
  if (request.headers["content-md5"] !== undefined && md5(body).toString("base64") !== request.headers["content-md5"]) {
    return fail(400, "BadDigest");
  }
  const signed = request.headers["x-amz-content-sha256"];
  if (/^[0-9a-f]{64}$/.test(signed) && createHash("sha256").update(body).digest("hex") !== signed) {
    return fail(400, "XAmzContentSHA256Mismatch");
  }
  entry.digest = request.headers["content-md5"] !== undefined ? "md5" : signed?.length === 64 ? "sha256" : undefined;
  if (settings.digests === "md5" && query.has("partNumber") && entry.digest !== "md5")
    return fail(400, "InvalidRequest");
  const upload = uploads.get(query.get("uploadId"));
  switch (request.method) {
    case "HEAD":
      if (object === undefined) return fail(404, "NotFound");
      return send(200, { etag: object.etag, "content-length": object.bytes.length, ...object.meta });
    case "GET": {
      if (query.has("session")) {
        const token = "<SessionToken>of a session</SessionToken><SecretAccessKey>s</SecretAccessKey>";
        const until = new Date(Date.now() + 300_000).toISOString();
        const session = `${token}<AccessKeyId>session</AccessKeyId><Expiration>${until}</Expiration>`;
        return send(200, {}, `<CreateSessionResult><Credentials>${session}</Credentials></CreateSessionResult>`);
      }
      if (query.has("list-type")) {
        const bucket = name.replace(/\/$/, "");
        const start = `${bucket}/${query.get("prefix") ?? ""}`;
        const after = query.get("continuation-token") ?? "";
        const all = [...objects.keys()].filter((one) => one.startsWith(start) && one > after).sort();
        const page = all.slice(0, 5);
        const list = page.map((one) => {
          const { bytes, modified } = objects.get(one);
          return `<Contents><Key>${xml(one.slice(bucket.length + 1))}</Key><Size>${bytes.length}</Size><LastModified>${modified}</LastModified></Contents>`;
        });
        const more = all.length > page.length;
        return send(
          200,
          {},
          `<ListBucketResult>${list.join("")}<IsTruncated>${more}</IsTruncated>${more ? `<NextContinuationToken>${xml(page.at(-1))}</NextContinuationToken>` : ""}</ListBucketResult>`,
        );
      }
      // A store that does not know uploads ignores what is asked, and lists objects.
      if (fault?.kind === "objects") return send(200, {}, "<ListBucketResult></ListBucketResult>");
      if (query.has("uploads")) {
        const prefix = query.get("prefix") ?? "";
        const bucket = name.replace(/\/$/, "");
        const found = [...uploads].filter(([, one]) => one.name.startsWith(`${bucket}/${prefix}`));
        const list = found.map(
          ([id, one]) =>
            `<Upload><Key>${xml(one.name.slice(bucket.length + 1))}</Key><UploadId>${id}</UploadId><Initiated>${one.initiated}</Initiated></Upload>`,
        );
        return send(
          200,
          {},
          `<ListMultipartUploadsResult>${list.join("")}<IsTruncated>false</IsTruncated></ListMultipartUploadsResult>`,
        );
      }
      if (query.has("uploadId")) {
        if (upload === undefined) return fail(404, "NoSuchUpload");
        const from = Number(query.get("part-number-marker") ?? 0);
        const all = [...upload.parts].sort((a, b) => a[0] - b[0]).filter(([number]) => number > from);
        const page = all.slice(0, 3);
        const list = page.map(
          ([number, bytes]) =>
            `<Part><PartNumber>${number}</PartNumber><Size>${bytes.length}</Size><ETag>${etagOf(bytes)}</ETag>${settings.checksums === "kept" ? `<ChecksumCRC32>${crcOf(bytes)}</ChecksumCRC32>` : ""}</Part>`,
        );
        const more = all.length > page.length;
        return send(
          200,
          {},
          `<ListPartsResult>${list.join("")}<IsTruncated>${more}</IsTruncated>${more ? `<NextPartNumberMarker>${page.at(-1)[0]}</NextPartNumberMarker>` : ""}</ListPartsResult>`,
        );
      }
      if (object === undefined) return fail(404, "NoSuchKey");
      const match = request.headers["if-match"];
      if (settings.conditions !== false && match !== undefined && match !== object.etag) {
        return fail(412, "PreconditionFailed");
      }
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
      const start = range ? Number(range[1]) : 0;
      const end = range ? Math.min(Number(range[2]) + 1, object.bytes.length) : object.bytes.length;
      if (start >= end) return fail(416, "InvalidRange");
      const bytes = object.bytes.subarray(start, end);
      entry.sent = bytes.length;
      entry.status = 206;
      response.writeHead(206, {
        date: new Date(Date.now() + settings.clock).toUTCString(),
        etag: object.etag,
        "content-length": bytes.length,
        "content-range": `bytes ${start}-${end - 1}/${object.bytes.length}`,
      });
      if (fault?.kind === "cut") {
        entry.sent = Math.floor(bytes.length / 2);
        response.write(bytes.subarray(0, entry.sent), () => request.socket.destroy());
        return;
      }
      if (fault?.kind === "stall") {
        entry.sent = Math.floor(bytes.length / 2);
        return void response.write(bytes.subarray(0, entry.sent));
      }
      if (settings.rate > 0) return slowly(response, bytes, settings.rate);
      return response.end(bytes);
    }
    case "PUT":
      if (query.has("uploadId")) {
        if (upload === undefined) return fail(404, "NoSuchUpload");
        upload.parts.set(Number(query.get("partNumber")), body);
        const kept = settings.checksums === "kept" ? { "x-amz-checksum-crc32": crcOf(body) } : {};
        return send(200, { etag: etagOf(body), ...kept });
      }
      if (conditional) return fail(501, "NotImplemented");
      if (exists()) return fail(412, "PreconditionFailed");
      objects.set(name, { bytes: body, etag: etagOf(body), meta: metaOf(request) });
      return send(200, { etag: etagOf(body) });
    case "POST": {
      if (query.has("uploads")) {
        const id = `upload-${++ids}`;
        uploads.set(id, {
          name,
          meta: metaOf(request),
          parts: new Map(),
          initiated: new Date(Date.now() + settings.clock).toISOString(),
        });
        if (fault?.kind === "lost") return request.socket.destroy();
        return send(
          200,
          {},
          `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
        );
      }
      if (upload === undefined) return fail(404, "NoSuchUpload");
      if (conditional) return fail(501, "NotImplemented");
      if (exists()) return fail(412, "PreconditionFailed");
      const wanted = [...body.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, text]) => ({
        number: Number(/<PartNumber>(\d+)/.exec(text)[1]),
        etag: /<ETag>(.*?)<\/ETag>/.exec(text)[1].replaceAll("&quot;", '"'),
      }));
      const parts = wanted.map(({ number }) => upload.parts.get(number));
      if (parts.some((part, i) => part === undefined || etagOf(part) !== wanted[i].etag))
        return fail(400, "InvalidPart");
      if (parts.slice(0, -1).some((part) => part.length < 5 * 2 ** 20)) return fail(400, "EntityTooSmall");
      const etag = `"${md5(Buffer.concat(parts.map(md5))).toString("hex")}-${parts.length}"`;
      objects.set(name, { bytes: Buffer.concat(parts), etag, meta: upload.meta });
      uploads.delete(query.get("uploadId"));
      // The answer to what was done is lost.
      if (fault?.kind === "lost") return request.socket.destroy();
      return send(
        200,
        {},
        `<CompleteMultipartUploadResult><ETag>${etag.replaceAll('"', "&quot;")}</ETag></CompleteMultipartUploadResult>`,
      );
    }
    case "DELETE":
      if (query.has("uploadId")) {
        if (!uploads.delete(query.get("uploadId"))) return fail(404, "NoSuchUpload");
        return send(204);
      }
      objects.delete(name);
      return send(204);
    default:
      return fail(405, "MethodNotAllowed");
  }
}

/** Sends so many bytes a second, in ten pieces a second. */
function slowly(response, bytes, rate) {
  let at = 0;
  const timer = setInterval(() => {
    const end = Math.min(bytes.length, at + Math.ceil(rate / 10));
    if (response.destroyed) return clearInterval(timer);
    if (end === bytes.length) {
      clearInterval(timer);
      return response.end(bytes.subarray(at));
    }
    response.write(bytes.subarray(at, end));
    at = end;
  }, 100);
}

server.listen(0, "127.0.0.1", () => parentPort.postMessage({ port: server.address().port }));

/** What a test says: an id, and what to do. */
parentPort.on("message", ({ id, what, ...more }) => {
  // The message's bytes are a copy already.
  const given = () => {
    const { buffer, byteOffset, length } = more.bytes;
    return { bytes: Buffer.from(buffer, byteOffset, length), etag: `"${md5(more.bytes).toString("hex")}"` };
  };
  const does = {
    put: () => void objects.set(more.name, given()),
    stock: () => {
      stock.set(more.name, given());
      objects.set(more.name, stock.get(more.name));
    },
    get: () => objects.get(more.name)?.bytes,
    names: () => [...objects.keys()],
    uploads: () => [...uploads].map(([uploadId, { name, parts }]) => ({ uploadId, name, parts: [...parts.keys()] })),
    log: () => log,
    clear: () => {
      log = [];
      faults = [];
    },
    reset: () => {
      objects.clear();
      uploads.clear();
      log = [];
      faults = [];
      settings = { ...DEFAULTS };
      for (const [name, object] of stock) objects.set(name, object);
    },
    fault: () => void faults.push({ times: 1, skip: 0, ...more.fault }),
    set: () => void Object.assign(settings, more.settings),
  };
  parentPort.postMessage({ id, result: does[what]() });
});
