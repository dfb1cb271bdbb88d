// The search for texts of erase rules: node bench/texts.mjs --help
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { median } from "../dist/bench/timing.js";
import { eraseRequest } from "../dist/filter/erase/erase-run.js";
import { initialPlan } from "../dist/filter/plan.js";
import { countBits } from "../dist/reader/bitmap.js";
import { openDump } from "../dist/reader/open.js";
import { keptRanges } from "../dist/worker/chunks.js";
import { searchState, searchTexts } from "../dist/worker/search-texts.js";
import { readOptions, text, whole } from "./support/options.mjs";

const HELP = `node bench/texts.mjs DUMP... [options]: the search for texts of erase rules

Searches all pages of each dump in one thread, with each set of rules, and
prints MB a second of CPU time: the median of the rounds. The first line reads
the pages and searches nothing of note. Needs npm run build.

  --rules FILE      rules to measure beside those that are built in
  --rounds N        (default 5)
  --help            print this text
`;

const { values, files } = readOptions(HELP, { rules: text(), rounds: whole(5, 1) }, [1, Number.POSITIVE_INFINITY]);

const words = Array.from({ length: 5000 }, (_, i) => `text "customer number ${i * 7919}"`).join("\n");
const classes = ["card", "private-key", "jwt", "e-mail", "aws-key", "ipv4", "ipv6"].map((name) => `class ${name}`);
const SETS = [
  ["one text", 'text "correct horse battery staple"'],
  ["5,000 texts", words],
  ["one pattern", "pattern /password=[^&]+/"],
  ["one pattern of letters", "pattern /[a-z]+@corp\\.example/i"],
  ...classes.map((rule) => [rule, rule]),
  ["all classes", classes.join("\n")],
  ["all classes, 5,000 texts", `${classes.join("\n")}\n${words}`],
  ...(values.rules === undefined ? [] : [[values.rules, readFileSync(values.rules, "utf8")]]),
];

for (const path of files) {
  const dump = openDump(path);
  const plan = initialPlan(dump, undefined);
  const bytes = countBits(plan.kept, 0, plan.maxMapnr) * dump.pageSize;
  console.log(`${basename(path)}: ${(bytes / 1e6).toFixed(0)} MB of pages`);
  for (const [name, rules] of SETS) {
    const { search } = eraseRequest({ name: "rules", text: rules });
    const state = searchState(dump.memory, dump.pageSize, plan.kept, search);
    const seconds = [];
    let found = 0;
    for (let round = 0; round <= values.rounds; round++) {
      const before = process.cpuUsage();
      found = 0;
      for (const range of keptRanges(plan.kept, plan.maxMapnr, 2048)) {
        for (const count of searchTexts(state, range).counts) found += count;
      }
      const { user, system } = process.cpuUsage(before);
      // The first one warms up.
      if (round > 0) seconds.push((user + system) / 1e6);
    }
    const rate = bytes / 1e6 / median(seconds);
    console.log(
      `  ${name.padEnd(28)} ${rate.toFixed(0).padStart(6)} MB/s  found ${found}, ${search.finders.length} tables`,
    );
  }
  dump.close();
}
