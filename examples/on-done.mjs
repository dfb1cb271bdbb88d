// Tells a URL of every run that is done or has failed, with a POST of its state as JSON. BullMQ's events say it; Redis keeps the last 10,000 or so. The
// file remembers the last one that was told: begin it again after a failure, and nothing is lost, though something may be told twice.
//
//   REDIS_URL=redis://queue:6379 node examples/on-done.mjs http://host/hook /var/lib/coresieve/last-event
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { QueueEvents } from "bullmq";
import { DumpError, watchRun } from "coresieve";
import { Redis } from "ioredis";

const [hook, file] = process.argv.slice(2);
if (hook === undefined || file === undefined) {
  console.error("usage: node on-done.mjs URL FILE");
  process.exit(2);
}
const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const patient = { maxRetriesPerRequest: null };
const connection = url.startsWith("unix:")
  ? new Redis({ path: new URL(url).pathname, ...patient })
  : new Redis(url, patient);
// "$": from now on.
const lastEventId = existsSync(file) ? readFileSync(file, "utf8") : "$";
const events = new QueueEvents("dumps", { connection, prefix: "{coresieve}", lastEventId });

/** One after the other: the file names the last. */
let told = Promise.resolve();
const tell = (state) => (run, event) => {
  told = told.then(async () => {
    const body = JSON.stringify(await stateOf(run.jobId, state));
    const answer = await fetch(hook, { method: "POST", headers: { "content-type": "application/json" }, body });
    if (!answer.ok) throw new Error(`${hook} answers ${answer.status}`);
    writeFileSync(file, event);
  });
  told.catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
};
events.on("completed", tell("done"));
events.on("failed", tell("failed"));
await events.waitUntilReady();
console.log("waits for runs");

/** How the run stands, or what the event said of one that is submitted again or forgotten by now. */
async function stateOf(id, state) {
  try {
    for await (const now of watchRun(id)) return now.state === state ? now : { id, state };
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "BAD_OPTION") throw error;
  }
  return { id, state };
}
