// Each kind of request of each step, spoilt once in each way: for store-faults.mjs.

/** What a request is for: of one kind are those that differ in numbers, digests and IDs only. */
export function kindOf(method, url) {
  const { pathname, searchParams: query } = new URL(url, "http://store");
  if (query.has("uploads")) return method === "POST" ? "begin an upload" : "list uploads";
  if (query.has("partNumber")) return "send a part";
  if (query.has("uploadId")) return { POST: "complete", GET: "list parts", DELETE: "end an upload" }[method];
  if (query.has("list-type")) return "list objects";
  const name = decodeURIComponent(pathname).split("/").at(-1);
  return `${method} ${name.replace(/\d{4}/g, "N")}`;
}

const METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"];
/** Of what has no body nothing can be slow, cut or broken off, and what is sent has no ETag but a part. */
const APPLIES = {
  slow: (method) => method === "GET",
  cut: (method) => method === "GET",
  broken: (method, kind) => method === "PUT" || kind === "complete",
  etag: (method, kind) => method === "GET" || method === "HEAD" || kind === "send a part",
};

/** The kinds of requests that a process makes, by their method: what comes back gives them when it is over. */
export function learnKinds(proxy) {
  const kinds = new Map();
  proxy.faults = METHODS.map((method) => ({
    ...{ method, times: 1, what: "reset" },
    match: {
      test(url) {
        kinds.set(kindOf(method, url), method);
        return false;
      },
    },
  }));
  return () => kinds;
}

/** A fault for the first request of each kind to which it applies. */
export function faultsOf(kinds, what) {
  const applies = APPLIES[what] ?? (() => true);
  return [...kinds]
    .filter(([kind, method]) => applies(method, kind))
    .map(([kind, method]) => ({
      method,
      times: 1,
      what,
      kind,
      match: { test: (url) => kindOf(method, url) === kind },
    }));
}

/** The steps of a run: a shard that waits for the one before it, that one, the first one again, and the end. */
export function stepsOf({ input, output, staging, options }) {
  return [
    ["plan", ["plan", input, output, ...options, "--shards", "2", "--staging", staging]],
    ["shard, waits", ["shard", staging, "1", "--wait", "0"]],
    ["shard", ["shard", staging, "0", "--wait", "0"]],
    ["shard, placed", ["shard", staging, "1", "--wait", "0"]],
    ["finish", ["finish", staging]],
    ["clean", ["staging", staging, "--clean"]],
  ];
}

/**
 * Makes a process meet each fault that is to come, begun again as often as it fails by one; `between`
 * is done before that, without faults. Returns its exit codes, and how many were met.
 */
export async function meetAll(proxy, run, faults, between = async () => undefined) {
  const told = [];
  const codes = [];
  proxy.faults = [...faults];
  for (let tries = 0; tries <= faults.length; tries++) {
    const { code, said } = await run();
    codes.push(code);
    if (code === 0) break;
    told.push(`${code} ${said.trim().split("\n").at(-1)}`);
    const rest = proxy.faults;
    proxy.faults = [];
    await between();
    proxy.faults = rest;
  }
  const met = faults.length - proxy.faults.length;
  proxy.faults = [];
  return { codes, met, told };
}
