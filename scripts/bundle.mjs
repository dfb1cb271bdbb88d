// Joins the modules of the command line, of the worker and of the store thread into a few files each: loading 100 modules one by one takes
// longer than filtering a small dump. The packages in use are joined in as well, and their licences are collected beside;
// zstd-napi is native and may be missing: it stays a package. The command line is there as bundles only (tsc leaves it
// out), so that a program that runs meanwhile finds what it needs at any moment.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { withoutUnused } from "./without-unused.mjs";

const src = fileURLToPath(new URL("../src/", import.meta.url));
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const licences = new Map();
// Less to read at each start; names stay, for stack traces.
const minify = { compress: false, mangle: false, codegen: { removeWhitespace: true } };

// piscina starts its threads with a file of its own, which loads ours.
const THREAD = "piscina-thread.cjs";
const ownThread = {
  name: "own-thread",
  transform(code, id) {
    if (!/[\\/]piscina[\\/]dist[\\/]index\.js$/.test(id)) return undefined;
    const changed = code.replace("(__dirname, 'worker.js')", `(__dirname, '${THREAD}')`);
    if (changed === code) throw new Error("piscina starts its threads in another way: look at ownThread");
    return changed;
  },
};

/**
 * Bundles sources, by the names they get in FOLDER of dist, all with one extension. As CommonJS: that takes less to
 * load. Of `chunks`, each has the modules that its files need and that are in none before it.
 */
async function bundle(inputs, folder, extension, chunks = {}) {
  const made = await rolldown({
    input: inputs,
    platform: "node",
    resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
    external: [/^node:(?!assert$)/, /^zstd-napi/, /^@napi-rs/, /^@aws-sdk/, /^bullmq/, /^ioredis/],
    plugins: [withoutUnused({ assert: true }), ownThread],
    // yargs resolves configurations to extend with it; we have none, and CommonJS has no import.meta.
    transform: { define: { "import.meta.resolve": "undefined" } },
    // Some modules are loaded late by one file and at once by another: that costs nothing, and would greet everybody who builds.
    checks: { ineffectiveDynamicImport: false },
    logLevel: "warn",
  });
  const { output } = await made.write({
    dir: dist + folder,
    format: "cjs",
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `chunk-[name].${extension}`,
    minify,
    // V8 keeps and reads text of other characters with two bytes for each.
    charset: "ascii",
    codeSplitting: {
      groups: Object.entries(chunks).map(([name, files], i) => ({
        name,
        test: (id) => files.some((file) => id === join(src, file)),
        priority: 9 - i,
      })),
    },
  });
  await made.close();
  for (const chunk of output) for (const id of chunk.moduleIds ?? []) collectLicence(id);
  return output;
}

// Both programs at once: what they share is in the same files. A filter run loads two: what starts the threads, then the rest.
const programs = await bundle({ main: `${src}cli/main.ts`, makedumpfile: `${src}cli/makedumpfile.ts` }, "cli", "js", {
  start: [
    "cli/early-threads.ts",
    "cli/explain.ts",
    "cli/late-optimisation.ts",
    "cli/leave.ts",
    "cli/stop.ts",
    "cli/terminal.ts",
  ],
  filter: ["cli/command-line.ts"],
});
if (programs.some(({ fileName, imports }) => fileName === "main.js" && imports.includes("chunk-filter.js"))) {
  throw new Error("main.ts imports what is in no chunk of the start: all is loaded before the threads are started");
}
const tasks = await bundle({ worker: `${src}worker/worker.ts` }, "worker", "cjs", { tasks: ["worker/answers.ts"] });
const store = await bundle({ "store-thread": `${src}store/store-thread.ts` }, "store", "cjs");
const piscina = dirname(createRequire(import.meta.url).resolve("piscina"));
const thread = await bundle({ [THREAD.replace(/\.cjs$/, "")]: join(piscina, "worker.js") }, "cli", "cjs");
// The report's own script and style go into each page whole.
const page = await rolldown({
  input: join(src, "report", "page", "browser", "main.ts"),
  platform: "browser",
  logLevel: "warn",
});
await page.write({ file: join(dist, "report", "page.js"), format: "iife", minify });
await page.close();
const style = readFileSync(join(src, "report", "page", "style.css"), "utf8");
writeFileSync(join(dist, "report", "page.css"), style.replace(/\n\s*/g, "\n"));

// What former builds left.
removeOthers("cli", [...programs, ...thread], /./);
removeOthers("worker", tasks, /\.cjs$/);
removeOthers("store", store, /\.cjs$/);

writeFileSync(join(dist, "cli", "package.json"), '{ "type": "commonjs" }\n');

const texts = [...licences].sort().map(([name, text]) => `${name}\n${"=".repeat(name.length)}\n\n${text.trim()}\n`);
writeFileSync(join(dist, "cli", "third-party-licences.txt"), texts.join("\n\n"));

/** Removes files of such names that are not of these bundles. */
function removeOthers(folder, bundles, names) {
  for (const name of readdirSync(join(dist, folder))) {
    if (names.test(name) && !bundles.some(({ fileName }) => fileName === name))
      rmSync(join(dist, folder, name), { recursive: true });
  }
}

/** Takes note of the package that a bundled module is of. */
function collectLicence(id) {
  const found = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(id.replaceAll("\\", "/"));
  if (found === null) return;
  const [, folder, name] = found;
  if (licences.has(name)) return;
  const file = existsSync(folder) && readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file) throw new Error(`${name} is bundled, but has no licence file`);
  licences.set(name, readFileSync(join(folder, file), "utf8"));
}
