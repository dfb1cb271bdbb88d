// Compiles every AssemblyScript kernel (src/**/kernels/NAME.as.ts) to dist/**/kernels/NAME.wasm.
// The kernels have no runtime and no static data: they import one shared memory and are given every address they may
// touch, so that all workers can run them over the same memory at once.
import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = fileURLToPath(new URL("..", import.meta.url));
// The largest memory a kernel may be given: 64 Ki pages of 64 KiB. A shared memory's maximum must not exceed it.
const MAX_WASM_PAGES = 65536;

for (const folder of ["src/reader/kernels", "src/filter/kernels", "src/worker/kernels", "src/audit/kernels"]) {
  for (const file of readdirSync(join(root, folder))) {
    // A file whose name starts with "_" is a part that kernels import, not a kernel.
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
