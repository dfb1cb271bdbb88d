// Writes the manual pages in man/ out of the help texts (test/support/man-page.ts).
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const root = new URL("../", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "coresieve-man-"));
try {
  const input = fileURLToPath(new URL("test/support/man-page.ts", root));
  const bundle = await rolldown({ input, platform: "node", logLevel: "warn" });
  await bundle.write({ dir: folder, format: "esm", entryFileNames: "man.mjs", chunkFileNames: "[name].mjs" });
  await bundle.close();
  const { manPages } = await import(pathToFileURL(join(folder, "man.mjs")).href);
  mkdirSync(new URL("man/", root), { recursive: true });
  for (const [name, text] of Object.entries(await manPages(root))) writeFileSync(new URL(`man/${name}`, root), text);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
