// Writes RESULTS.md again from results.json: node bench/render.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { resultsText } from "./support/results.mjs";

const results = JSON.parse(readFileSync(new URL("results.json", import.meta.url), "utf8"));
writeFileSync(new URL("RESULTS.md", import.meta.url), resultsText(results));
