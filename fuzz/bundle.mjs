// Joins the fuzz targets, the sources they try and the loop into one instrumented file, dist/fuzz/worker.mjs.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { transformSync } from "rolldown/utils";
import { Instrumenter } from "./instrument.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Builds it; returns its path. */
export async function bundle() {
  const instrumenter = new Instrumenter();
  const build = await rolldown({
    input: `${root}fuzz/worker.ts`,
    cwd: root,
    platform: "node",
    external: [/^node:/, /^piscina$/, /^zstd-napi/, /^snappy$/],
    logLevel: "warn",
    plugins: [
      {
        name: "instrument",
        transform(code, id) {
          // Plain decoders, too: where they go, so do kernels in WebAssembly, in which nothing is counted.
          if (!id.startsWith(`${root}src/`) && !id.startsWith(`${root}fuzz/plain-`)) return undefined;
          const plain = transformSync(id, code, { sourceType: "module" });
          return { code: instrumenter.instrument(plain.code), moduleType: "js" };
        },
      },
    ],
  });
  const { output } = await build.generate({ format: "esm", codeSplitting: false });
  await build.close();
  const { counters, literals } = instrumenter;
  const words = [...literals].map((value) => (typeof value === "bigint" ? `${value}n` : JSON.stringify(value)));
  const head = [
    `globalThis.$words=[${words.join(",")}];`,
    `const $c=globalThis.$counters=new Uint8Array(${Math.ceil(counters / 8) * 8});`,
    "const $a=(n,size)=>{if(typeof n==='number'&&globalThis.$allocated)globalThis.$allocated(n*size);return n};",
  ];
  mkdirSync(`${root}dist/fuzz`, { recursive: true });
  const path = `${root}dist/fuzz/worker.mjs`;
  writeFileSync(path, head.join("") + output[0].code);
  return { path, counters };
}
