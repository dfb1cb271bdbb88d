// Compiles every AssemblyScript module (src/**/wasm/**/NAME.as.ts) to WebAssembly (dist/**/wasm/**/NAME.wasm).
// The modules have no runtime and no static data: they import one shared memory and are given every address they may
// touch, so that all workers can run them over the same memory at once.
import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = fileURLToPath(new URL("..", import.meta.url));
// The largest memory a module may be given: 64 Ki pages of 64 KiB. A shared memory's maximum must not exceed it.
const MAX_WASM_PAGES = 65536;

for (const folder of ["src/codec/wasm/decode", "src/codec/wasm/encode", "src/filter/wasm"]) {
  for (const file of readdirSync(join(root, folder))) {
    // A file whose name starts with "_" is a part that modules import, not a module.
    if (!file.endsWith(".as.ts") || file.startsWith("_")) continue;
    const out = join(root, folder.replace(/^src/, "dist"), file.replace(/\.as\.ts$/, ".wasm"));
    mkdirSync(dirname(out), { recursive: true });
    const { error, stderr } = await asc.main([
      join(root, folder, file),
      ...["--outFile", out, "--runtime", "stub", "--use", "abort=", "--noAssert", "-O3", "--converge"],
      ...["--enable", "simd,bulk-memory,threads"],
      ...["--importMemory", "--noExportMemory", "--sharedMemory", "--maximumMemory", String(MAX_WASM_PAGES)],
    ]);
    if (error) {
      console.error(stderr.toString());
      throw new Error(`${relative(root, join(root, folder, file))} does not compile`, { cause: error });
    }
  }
}
