// The arithmetic for a huge dump in a store, from measured costs: node bench/arithmetic.mjs --help
import { readOptions, text, whole } from "./support/options.mjs";

const HELP = `node bench/arithmetic.mjs [options]: the time of a fleet for a huge dump

Computes the table of docs/dev/scale.md from what was measured: what a GB costs
that is fetched or sent (bench/store-cost.mjs: CPU s beyond that of files, by
GB), and what a page costs that is encoded. Nothing is run.

  --fetch S        CPU s of the store thread for a GB fetched (default 2.2)
  --send S         the same for a GB sent (default 1.1)
  --encode S       CPU s for a million pages, encoded, placed (default 14.2)
  --memory TIB     memory of the machine (default 12)
  --kept PERCENT   pages kept (default 5)
  --shards N       (default 128)
  --help           print this text
`;
const OPTIONS = { fetch: text("2.2"), send: text("1.1"), encode: text("14.2") };
const SIZES = { memory: whole(12, 1), kept: whole(5, 1, 100), shards: whole(128, 1) };
const { values } = readOptions(HELP, { ...OPTIONS, ...SIZES }, [0, 0]);
const [fetch, send, encode] = [values.fetch, values.send, values.encode].map(Number);
if (!(Math.min(fetch, send, encode) >= 0)) {
  console.error(`${values.fetch}, ${values.send} and ${values.encode} are not numbers of seconds`);
  process.exit(2);
}

const GB = 1e9;
const PAGE = 4096;
/** Bytes of a struct page, of a descriptor. */
const [STRUCT, DESCRIPTOR] = [64, 24];
/** What LZO leaves of a page. */
const PACKED = 0.53;
/** Cores of a worker beside the one of its store thread. */
const CORES = 3;
/** Of a host, GB/s. */
const LINK = 2.5;
/** Small requests that the finishing job makes one after the other for each shard, and their seconds. */
const ASKED = 8 / 3;
const ROUND_TRIP = 0.01;
/** What a shard leaves at its edges of an output of 12 TiB, as parts grow, in GB. */
const EDGES = 0.08;

const pages = (values.memory * 2 ** 40) / PAGE;
const kept = (pages * values.kept) / 100;
const read = (kept * PAGE) / GB;
const written = read * PACKED;
const bitmap = pages / 8 / GB;
const head = (kept * DESCRIPTOR) / GB + 2 * bitmap;
const structs = (pages * STRUCT) / GB;
const plan = Math.max(structs * fetch, structs / LINK);
const finish =
  values.shards * EDGES * (fetch + send) + Math.max(head * send, head / LINK) + values.shards * ASKED * ROUND_TRIP;
const s = (seconds) => `${seconds.toFixed(0)} s`;
console.log(
  `${(kept / 1e6).toFixed(0)} million pages: ${read.toFixed(0)} GB read, ${written.toFixed(0)} GB written, ${structs.toFixed(0)} GB of struct pages, a head of ${head.toFixed(1)} GB\n`,
);
console.log(`| \`--shards ${values.shards}\` | plan | shards | finish | in all |\n|---|---|---|---|---|`);
for (const rate of [2.5, 25]) {
  for (const workers of [16, 64]) {
    const limits = [
      ["store", (read + written) / rate],
      ["store threads", (read * fetch + written * send) / workers + bitmap * fetch],
      ["encoding", ((kept / 1e6) * encode) / (workers * CORES)],
    ];
    const [why, shards] = limits.reduce((most, one) => (one[1] > most[1] ? one : most));
    const all = ((plan + shards + finish) / 60).toFixed(0);
    console.log(
      `| ${workers} workers, store of ${rate} GB/s | ${s(plan)} | ${s(shards)} (${why}) | ${s(finish)} | ${all} min |`,
    );
  }
}
