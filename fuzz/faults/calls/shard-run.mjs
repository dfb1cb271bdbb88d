// Filters a dump as the jobs of a queue do: plan, shards one after the other, finish, each from what the one before left in the
// staging folder. IN OUT FORMAT CODEC SHARDS; begins again where a run before it failed. Uses the built program.
const dist = new URL("../../../dist/", import.meta.url);
const from = (path) => import(new URL(path, dist));
const [{ planDump }, { openSession }, { openDump }, { finishShards }, { outputPlace }] = await Promise.all(
  ["run/plan-dump.js", "run/session.js", "reader/open.js", "shard/finish-shards.js", "shard/output-place.js"].map(from),
);
const [{ identityOf }, { makeShard }, { planFiles, readPlan, writePlan }, { shardPlan }, { Warnings }] =
  await Promise.all(
    ["shard/input-identity.js", "shard/make-shard.js", "shard/plan-files.js", "shard/shard-plan.js", "warnings.js"].map(
      from,
    ),
  );
const [{ codecOf }, { WorkerThreads }, { DumpError }] = await Promise.all(
  ["codec/codecs.js", "worker/threads.js", "errors.js"].map(from),
);

const [input, path, format, codec, shards] = process.argv.slice(2);
const threads = new WorkerThreads(1);
try {
  await run();
} catch (error) {
  console.error(error instanceof DumpError ? `coresieve: ${error.message}` : error);
  process.exitCode = 1;
}
await threads.destroy();

async function run() {
  const warnings = new Warnings();
  const opened = openDump(input, warnings);
  const options = { output: { path }, level: 31, format, codec: codecOf(codec), privacy: false, warnings };
  const place = await outputPlace(path, "1d");
  const planned = await planDump(openSession(opened, options), options, threads);
  const files = planFiles(shardPlan(planned, [identityOf(input)], options, Number(shards)));
  await planned.pool.end();
  opened.close();
  const own = place.of(files.digest);
  await own.create();
  await writePlan(own.staging, files);
  const plan = await readPlan(own.staging);
  const dump = openDump(input);
  for (let index = 0; index < plan.shards.length; index++) {
    await makeShard({ plan, index, dump, threads }, { place: own, spoolDir: process.env.TMPDIR, host: "here" });
  }
  dump.close();
  const sink = await own.sink(plan, false);
  try {
    await finishShards(plan, own.staging, sink);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  await place.remove().catch((error) => {
    throw error instanceof DumpError ? error.with({ left: `${path} is there, and whole` }) : error;
  });
  place.letGo();
}
