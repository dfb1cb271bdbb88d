// A campaign of faults: `npm run faults -- --help`. Bundles fuzz/faults/main.ts and runs it.
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const build = await rolldown({
  input: `${root}fuzz/faults/main.ts`,
  cwd: root,
  platform: "node",
  external: [/^node:/, /^piscina$/, /^zstd-napi/, /^lz4-napi/, /^snappy$/],
  logLevel: "warn",
});
await build.write({ file: `${root}dist/fuzz/faults.mjs`, format: "esm", codeSplitting: false });
await build.close();
await import(`${root}dist/fuzz/faults.mjs`);
