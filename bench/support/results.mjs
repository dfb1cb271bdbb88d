import { benchReport } from "../../dist/bench/report.js";

const INTRO = [
  "# Benchmark results",
  "",
  "Written by `npm run bench -- DUMP`; the raw numbers are in [results.json](results.json). `coresieve bench DUMP` measures the",
  "same for any dump, without the C loop. The dump is in the page cache, the output a new file. The machine is shared and",
  "noisy: its load stands below each table. Node is started without NODE_EXTRA_CA_CERTS, which makes it read certificates",
  "for 30 ms. coresieve has run before: what V8 has compiled of it lies in the user's cache folder (docs/dev/performance.md).",
  "",
];

/** What RESULTS.md says. */
export function resultsText(results) {
  return benchReport(results, INTRO);
}
