// Writes the tables of docs/support-matrix.md out of the lists that the tests run from (test/support/support-matrix.ts).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("../", import.meta.url));
const document = join(root, "docs", "support-matrix.md");
const folder = mkdtempSync(join(tmpdir(), "coresieve-matrix-"));
try {
  const input = join(root, "test", "support", "support-matrix.ts");
  const bundle = await rolldown({ input, platform: "node", logLevel: "warn" });
  const file = join(folder, "matrix.mjs");
  await bundle.write({ file, format: "esm" });
  await bundle.close();
  const { withMatrix } = await import(pathToFileURL(file).href);
  writeFileSync(document, withMatrix(readFileSync(document, "utf8").replaceAll("\r\n", "\n")));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
