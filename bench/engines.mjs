// Every engine against one machine, by digest: node bench/engines.mjs --help
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { submitRun, watchRun } from "../dist/index.js";
import { allAllowed } from "../dist/shard/allowed.js";
import { requestOf } from "../dist/shard/run-options.js";
import { finishRun } from "../dist/steps/finish-run.js";
import { planRun } from "../dist/steps/plan-run.js";
import { shardRun } from "../dist/steps/shard-run.js";
import { cleanStaging } from "../dist/steps/staging-state.js";
import { stepPlace } from "../dist/steps/step-place.js";
import { openStore } from "../dist/store/open-store.js";
import { WorkerThreads } from "../dist/worker/threads.js";
import {
  BUCKET,
  coresieve,
  fileSha256,
  otherStore,
  startRedis,
  startSwift,
  startWorker,
  temporaryFolder,
} from "./support/cluster.mjs";
import { list, oneOf, readOptions, text, whole } from "./support/options.mjs";

const RUNS = {
  none: { options: { codec: { name: "none" } }, args: ["--compress", "none"] },
  zlib: { options: { codec: { name: "zlib", level: 1 } }, args: ["-c"] },
  lzo: { options: { codec: { name: "lzo" } }, args: ["-l"] },
  snappy: { options: { codec: { name: "snappy" } }, args: ["-p"] },
  zstd: { options: { codec: { name: "zstd", level: 1 } }, args: ["-z"] },
  elf: { options: { format: "elf" }, args: ["-E"] },
  privacy: {
    options: { codec: { name: "lzo" }, privacy: true, privacyExtra: ["registers", "tty"] },
    args: ["-l", "--privacy", "--privacy-extra", "registers,tty"],
  },
  erase: { options: { codec: { name: "zstd", level: 1 } }, args: ["-z"], erase: true },
  "elf-erase": { options: { format: "elf" }, args: ["-E"], erase: true },
};

const HELP = `node bench/engines.mjs DUMP [options]: does every engine write the same?

Writes DUMP by the steps (plan, shard, finish) and by the queue with two
workers, in so many shards, from file to file or from store to store, and
compares the SHA-256 with that of a single run from file to file. "single" is a
single run from store to store. Prints Markdown; ends with 1 if one differs or
something is left. Needs npm run build, redis-server, and for the store Swift.

  --runs LIST      ${Object.keys(RUNS).slice(0, 6).join(",")},
                   ${Object.keys(RUNS).slice(6).join(",")} (default: all)
  --shards LIST    (default 1,2,3,5,8)
  --places LIST    file, store (default: both)
  --store URL      an S3 server that runs already, instead of Swift; keys as for
                   the AWS CLI. Its bucket "dumps" is made, and must be new
  --level N        (default 31; privacy needs it)
  --folder DIR     for everything (default: the system's folder for such)
  --help           print this text
`;

const { values, files } = readOptions(
  HELP,
  {
    runs: list(Object.keys(RUNS).join(","), oneOf("none", Object.keys(RUNS))),
    shards: list("1,2,3,5,8", whole(1, 1, 4096)),
    places: list("file,store", oneOf("file", ["file", "store"])),
    store: text(""),
    level: whole(31, 0, 31),
    folder: text(tmpdir()),
  },
  [1, 1],
);

const dump = resolve(files[0]);
const folder = temporaryFolder(values.folder, "coresieve-engines-");
/** Something that every dump has: its first MiB. */
const erase = { name: "rules", text: "physical 0x1000-0x100000\n" };
writeFileSync(join(folder, "rules"), erase.text);
const redis = await startRedis(join(folder, "redis"));
const startStore = () => (values.store === "" ? startSwift(join(folder, "swift")) : otherStore(values.store));
const server = values.places.includes("store") ? await startStore() : undefined;
Object.assign(process.env, server?.env, { REDIS_URL: redis.url });
if (server !== undefined) await server.put(dump, "in/vmcore");
const allow = [
  "--allow",
  folder,
  "--allow-read",
  resolve(dump, ".."),
  ...(server ? ["--allow", `s3://${BUCKET}/`] : []),
];
for (let i = 0; i < 2; i++) await startWorker({ args: [...allow, "--num-threads", "1", "--spool-dir", folder] });
const threads = new WorkerThreads(1);
const store = server && openStore();

const PLACES = {
  file: {
    input: dump,
    output: join(folder, "out-small"),
    staging: join(folder, "out-run"),
    sha256: () => fileSha256(join(folder, "out-small")),
    remove: () => rmSync(join(folder, "out-small")),
    left: async () => readdirSync(folder).filter((name) => name.startsWith("out") || name.startsWith(".out")),
  },
  store: {
    input: `s3://${BUCKET}/in/vmcore`,
    output: `s3://${BUCKET}/out/small`,
    staging: `s3://${BUCKET}/out/run`,
    sha256: () => server.sha256("out/small"),
    remove: () => server.remove("out/small"),
    left: () => server.left(),
  },
};

/** From the last shard to the first: none has its place when it is made. */
async function bySteps({ input, output, staging }, options, shards) {
  const as = async (does) => {
    const place = await stepPlace(staging, async () => store);
    const { signal } = new AbortController();
    try {
      return await does({ name: "bench", place, store: async () => store, threads, signal, allowed: allAllowed() });
    } finally {
      place.letGo();
    }
  };
  const request = await requestOf({ inputs: input, output, ...options });
  const { run } = await as((host) => planRun(host, request, shards));
  for (let i = run.shards - 1; i >= 0; i--) await as((host) => shardRun(host, i, { spoolDir: folder, patience: 0 }));
  await as(finishRun);
  await as(cleanStaging);
  return run.shards;
}

async function byQueue({ input, output }, options, shards) {
  const { state } = await submitRun({ inputs: input, output, ...options, shards, again: true });
  let last = state;
  for await (last of watchRun(state));
  if (last.state !== "done") throw new Error(last.reason);
}

let differ = 0;
console.log(`| ${basename(dump)}, level ${values.level} | bytes | SHA-256 | single | steps, shards | queue, shards |`);
console.log("|---|---|---|---|---|---|");
for (const at of values.places) {
  const place = PLACES[at];
  for (const name of values.runs) {
    const run = RUNS[name];
    const options = { level: values.level, ...run.options, ...(run.erase ? { erase } : {}) };
    const args = ["-d", `${values.level}`, ...run.args, ...(run.erase ? ["--erase", join(folder, "rules")] : [])];
    const alone = join(folder, "alone");
    coresieve([dump, alone, "-q", "-f", ...args]);
    const expected = await fileSha256(alone);
    const { size: bytes } = statSync(alone);
    const compare = async () => {
      const found = await place.sha256();
      await place.remove();
      const left = await place.left();
      if (found === expected && left.length === 0) return "equal";
      differ++;
      return left.length > 0 ? `left: ${left.join(", ")}` : `DIFFERS: ${found}`;
    };
    coresieve([place.input, place.output, "-q", ...args]);
    const single = await compare();
    const columns = [];
    for (const engine of [bySteps, byQueue]) {
      const found = [];
      for (const count of values.shards) {
        await engine(place, options, count);
        found.push(`${count} ${await compare()}`);
      }
      const same = found.every((one) => one.endsWith(" equal"));
      columns.push(same ? `equal: ${values.shards.join(", ")}` : found.join(", "));
    }
    console.log(`| ${at}, ${name} | ${bytes} | \`${expected.slice(0, 16)}…\` | ${single} | ${columns.join(" | ")} |`);
  }
}
await threads.destroy();
await store?.close();
process.exit(differ === 0 ? 0 : 1);
