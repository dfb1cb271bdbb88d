// Joins the modules of the command line, of the worker and of the store thread into a few files each: loading 100 modules one by one takes
// longer than filtering a small dump. The packages in use are joined in as well, and their licences are collected beside;
// zstd-napi is native and may be missing: it stays a package. The command line is there as bundles only (tsc leaves it
// out), so that a program that runs meanwhile finds what it needs at any moment.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { minify } from "./minify.mjs";
import { plainExports } from "./plain-exports.mjs";
import { withoutUnused } from "./without-unused.mjs";

const src = fileURLToPath(new URL("../src/", import.meta.url));
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
/** Packages that are bundled, and the texts of their licences. */
const licences = new Map();
const XZ = fileURLToPath(new URL("../node_modules/xz-decompress/dist/package/xz-decompress.js", import.meta.url));
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
 * load. The chunk of the name `start.name` has its files and what they need; what `whole` needs in addition, without
 * its import()s, is in chunks by `partOf`.
 */
async function bundle(inputs, folder, extension, { start, whole } = {}) {
  const needed = new Set();
  const isNeeded = (id, context) => {
    if (whole !== undefined && needed.size === 0) addNeeds(join(src, whole), context, needed);
    return needed.has(id);
  };
  const made = await rolldown({
    input: inputs,
    platform: "node",
    resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
    external: [/^node:(?!assert$)/, /^zstd-napi/, /^@napi-rs/, /^@aws-sdk/, /^bullmq/, /^ioredis/],
    plugins: [withoutUnused({ assert: true }), ownThread, plainExports],
    // yargs resolves configurations to extend with it; we have none, and CommonJS has no import.meta.
    transform: { define: { "import.meta.resolve": "undefined" } },
    // Some modules are loaded late by one file and at once by another: that costs nothing, and would greet everybody who builds.
    checks: { ineffectiveDynamicImport: false },
    // What the layers need is exported from their chunks.
    preserveEntrySignatures: "allow-extension",
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
      groups: [
        ...(start === undefined ? [] : [{ ...start, priority: 2 }]),
        {
          name: (id, context) => (isNeeded(id, context) ? `program-${partOf(id)}` : null),
          debugName: "program",
          includeDependenciesRecursively: false,
          priority: 1,
        },
      ],
    },
  });
  await made.close();
  for (const chunk of output) for (const id of chunk.moduleIds ?? []) collectLicence(id);
  return output;
}

// Both programs at once: what they share is in the same files. A filter run loads what starts the threads, then the rest.
const START = [
  "cli/early-threads.ts",
  "cli/explain.ts",
  "cli/late-optimisation.ts",
  "cli/leave.ts",
  "cli/stop.ts",
  "cli/terminal.ts",
].map((file) => join(src, file));
const programs = await bundle({ main: `${src}cli/main.ts`, makedumpfile: `${src}cli/makedumpfile.ts` }, "cli", "js", {
  start: { name: "start", test: (id) => START.includes(id) },
  whole: "cli/command-line.ts",
});
const [main] = programs.filter(({ fileName }) => fileName === "main.js");
if (main.imports.some((name) => !/^(chunk-(start|rolldown-runtime)\.js|node:.*)$/.test(name))) {
  throw new Error("main.ts imports what is in no chunk of the start: all is loaded before the threads are started");
}
const getters = programs.flatMap(({ code = "" }) => code.match(/defineProperty\(exports,/g) ?? []).length;
if (getters > 100) throw new Error(`${getters} exports are getters: look at plain-exports.mjs`);
const tasks = await bundle({ worker: `${src}worker/worker.ts` }, "worker", "cjs", {
  start: { name: "tasks", test: (id) => id === join(src, "worker/answers.ts") },
});
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

// The single executable has it in it (build-single.mjs). Its package has no file of its licence; this is what its head names.
if (existsSync(XZ)) licences.set("xz-decompress", xzLicence());
const texts = [...licences].sort().map(([name, text]) => `${name}\n${"=".repeat(name.length)}\n\n${text.trim()}\n`);
writeFileSync(join(dist, "cli", "third-party-licences.txt"), texts.join("\n\n"));

/** Adds the modules that one needs at once, and itself. */
function addNeeds(id, context, needed) {
  if (needed.has(id)) return;
  needed.add(id);
  for (const one of context.getModuleInfo(id)?.importedIds ?? []) addNeeds(one, context, needed);
}

/**
 * Which chunk a module of the whole program is in: one for each layer, so that no two chunks need each other. V8 takes
 * seven bytes for each one of a file while it reads it: with one file of 590 KB a run took 4 to 5 MiB more.
 */
function partOf(id) {
  const [folder] = relative(src, id).split(sep);
  if (folder === ".." || !id.startsWith(src)) return "packages";
  if (["cli", "kernel"].includes(folder)) return folder;
  return ["reader", "store", "codec"].includes(folder) || folder.endsWith(".ts") ? "reader" : "run";
}

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

/** The head of xz-decompress, which names its authors and their licences; and the text of the MIT licence, as yargs has it. */
function xzLicence() {
  const [head] = readFileSync(XZ, "utf8").split("*/", 1);
  const names = [...head.matchAll(/^ \* (.*)$/gm)].map(([, line]) => line).join("\n");
  const mit = /^Permission is hereby granted[\s\S]*$/m.exec(licences.get("yargs"));
  if (names === "" || mit === null) throw new Error("the licence of xz-decompress is not where it was");
  return `${names}\n\n${mit[0]}`;
}
