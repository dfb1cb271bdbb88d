// Several hosts against one, by digest: node bench/equal.mjs --help
import { rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  BUCKET,
  coresieve,
  fileSha256,
  network,
  startRedis,
  startSwift,
  startWorker,
  temporaryFolder,
} from "./support/cluster.mjs";
import { CODECS, flag, list, oneOf, readOptions, text, whole } from "./support/options.mjs";

const HELP = `node bench/equal.mjs DUMP [options]: do several hosts write what one does?

Makes network namespaces for a store (OpenStack Swift), for Redis, for the
workers and for a single run, uploads DUMP, and writes it from store to store by
all of them: alone, and by the queue in so many shards. The SHA-256 of
each object is compared with that of the file which one run makes of the file
DUMP. Prints Markdown; ends with 1 if one differs or something is left in the
store. Needs npm run build, root, redis-server, Swift, and disk for DUMP and one
output.

  --formats LIST   none,zlib,lzo,snappy,zstd,elf (default: all)
  --shards LIST    (default 1,2,3,4,5,6,7,8)
  --level N        (default 31)
  --workers N      (default 3)
  --file           workers read the file DUMP; only outputs are in the store
  --folder DIR     for everything (default: the system's folder for such)
  --help           print this text
`;

const { values, files } = readOptions(
  HELP,
  {
    formats: list("none,zlib,lzo,snappy,zstd,elf", oneOf("none", [...CODECS, "elf"])),
    shards: list("1,2,3,4,5,6,7,8", whole(1, 1, 4096)),
    level: whole(31, 0, 31),
    workers: whole(3, 1, 64),
    file: flag(),
    folder: text(tmpdir()),
  },
  [1, 1],
);

const dump = resolve(files[0]);
const folder = temporaryFolder(values.folder, "coresieve-equal-");
const names = Array.from({ length: values.workers }, (_, i) => `worker ${i + 1}`);
let differ = 0;
const place = network(["store", "queue", "alone", ...names]);
const swift = await startSwift(join(folder, "swift"), place("store"));
const redis = await startRedis(join(folder, "redis"), place("queue"));
const env = { ...swift.env, REDIS_URL: redis.url };
const input = values.file ? dump : `s3://${BUCKET}/in/vmcore`;
if (!values.file) await swift.put(dump, "in/vmcore");
const allow = values.file ? ["--allow", resolve(dump, "..")] : [];
for (const name of names) {
  const args = ["--allow", `s3://${BUCKET}/`, ...allow, "--num-threads", "1", "--spool-dir", folder];
  await startWorker({ by: place(name).by, env, args });
}
const out = `s3://${BUCKET}/out/small`;
const [file, level] = [join(folder, "alone"), ["-d", `${values.level}`]];
console.log("| output | bytes | SHA-256 of one machine's file | from store to store alone | by the queue, shards |");
console.log("|---|---|---|---|---|");
for (const format of values.formats) {
  const options = [...level, ...(format === "elf" ? ["-E"] : ["--compress", format])];
  coresieve([dump, file, "-q", "-f", ...options]);
  const [expected, { size }] = [await fileSha256(file), statSync(file)];
  rmSync(file);
  const compare = async () => {
    const found = await swift.sha256("out/small");
    await swift.remove("out/small");
    const left = await swift.left();
    if (found === expected && left.length === 0) return "equal";
    differ++;
    return left.length > 0 ? `left: ${left.join(", ")}` : `DIFFERS: ${found}`;
  };
  coresieve([input, out, "-q", ...options], { by: place("alone").by, env });
  const alone = await compare();
  const shards = [];
  for (const count of values.shards) {
    coresieve(["submit", input, out, "-q", "--wait", "--again", "--shards", `${count}`, ...options], { env });
    shards.push(`${count} ${await compare()}`);
  }
  const same = shards.every((text) => text.endsWith(" equal"));
  const told = same ? `equal: ${values.shards.join(", ")}` : shards.join(", ");
  console.log(`| ${format}, level ${values.level} | ${size} | \`${expected}\` | ${alone} | ${told} |`);
}
process.exit(differ === 0 ? 0 : 1);
