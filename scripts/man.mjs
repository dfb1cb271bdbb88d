// Writes what is made of the table of options (src/cli/options): the manual pages in man/ (test/support/man-page.ts) and the tables of
// options in docs/command-line.md (test/support/options-reference.ts).
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const root = new URL("../", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "coresieve-man-"));
try {
  const file = (name) => fileURLToPath(new URL(`test/support/${name}.ts`, root));
  const input = { man: file("man-page"), reference: file("options-reference") };
  const bundle = await rolldown({ input, platform: "node", logLevel: "warn" });
  await bundle.write({ dir: folder, format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "chunk-[name].mjs" });
  await bundle.close();
  const { manPages } = await import(pathToFileURL(join(folder, "man.mjs")).href);
  const { withOptionTables } = await import(pathToFileURL(join(folder, "reference.mjs")).href);
  mkdirSync(new URL("man/", root), { recursive: true });
  for (const [name, text] of Object.entries(await manPages(root))) writeFileSync(new URL(`man/${name}`, root), text);
  const page = new URL("docs/command-line.md", root);
  writeFileSync(page, withOptionTables(readFileSync(page, "utf8"), root));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
