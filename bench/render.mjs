// Writes RESULTS.md again from results.json: node bench/render.mjs --help
import { readFileSync, writeFileSync } from "node:fs";
import { readOptions } from "./support/options.mjs";
import { resultsText } from "./support/results.mjs";

const HELP = `node bench/render.mjs: writes bench/RESULTS.md again from bench/results.json

  --help            print this text
`;
readOptions(HELP, {});

const results = JSON.parse(readFileSync(new URL("results.json", import.meta.url), "utf8"));
writeFileSync(new URL("RESULTS.md", import.meta.url), resultsText(results));
