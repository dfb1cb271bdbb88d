// Has a dump filtered by the workers of a queue, and waits until it is done. The queue is at $REDIS_URL, or on this host.
//
//   node examples/submit.mjs /share/vmcore /share/small.kdump
import { DumpError, submitRun, watchRun } from "coresieve";

const [inputs, output] = process.argv.slice(2);
if (inputs === undefined || output === undefined) {
  console.error("usage: node submit.mjs DUMP OUT");
  process.exit(2);
}
// Ctrl-C ends the waiting. The run goes on, and the same command finds it again.
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
try {
  const { id, what, state: begun } = await submitRun({ inputs, output, level: 31, codec: "lzo", priority: 10 });
  console.log(`run ${id} (${what})`);
  let state = begun;
  for await (state of watchRun(begun, { signal: stop.signal })) {
    const { done = 0, all = "?" } = state.shards ?? {};
    console.log(`${state.state}: ${Math.floor(100 * state.progress)} %, ${done} of ${all} shards`);
  }
  if (state.state === "done") console.log(`${output}: ${state.outputBytes} bytes`);
  else {
    console.error(`${state.reason} [${state.code}]`);
    // 75: `coresieve jobs retry ID` may help.
    process.exitCode = state.mayRetry ? 75 : 1;
  }
} catch (error) {
  if (!(error instanceof DumpError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
