// Joins the modules of the command line and of the worker into a few files each, in place: loading 100 modules one by one
// takes longer than filtering a small dump. The small packages in use are joined in as well, and their licences are
// collected beside; piscina starts files of its own, and zstd-napi is native and may be missing: both stay packages.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const licences = new Map();
// Less to read at each start; names stay, for stack traces.
const minify = { compress: false, mangle: false, codegen: { removeWhitespace: true } };

for (const entry of ["cli/main.js", "worker/worker.js"]) {
  const folder = entry.slice(0, entry.indexOf("/"));
  const bundle = await rolldown({
    input: { [entry.slice(folder.length + 1, -".js".length)]: dist + entry },
    platform: "node",
    external: [/^node:/, /^piscina$/, /^zstd-napi/],
    logLevel: "warn",
  });
  const { output } = await bundle.write({
    dir: dist + folder,
    format: "esm",
    chunkFileNames: "chunk-[name].js",
    minify,
  });
  await bundle.close();
  for (const chunk of output) for (const id of chunk.moduleIds ?? []) collectLicence(id);
}
const texts = [...licences].sort().map(([name, text]) => `${name}\n${"=".repeat(name.length)}\n\n${text.trim()}\n`);
writeFileSync(join(dist, "cli", "third-party-licences.txt"), texts.join("\n\n"));

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
