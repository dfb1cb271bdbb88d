// Joins the modules of the command line and of the worker into a few files each, in place: loading 60 modules one by one
// takes longer than filtering a small dump. Dependencies stay what they are: packages, loaded when needed.
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));

for (const entry of ["cli/main.js", "worker/worker.js"]) {
  const folder = entry.slice(0, entry.indexOf("/"));
  const bundle = await rolldown({
    input: { [entry.slice(folder.length + 1, -".js".length)]: dist + entry },
    platform: "node",
    external: [/^(?![./])/],
    logLevel: "warn",
  });
  await bundle.write({ dir: dist + folder, format: "esm", chunkFileNames: "chunk-[name].js", minify: false });
  await bundle.close();
}
