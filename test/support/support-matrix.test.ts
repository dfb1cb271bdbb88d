/** docs/support-matrix.md says what the tests show, no more and no less. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { withMatrix } from "./support-matrix.js";

test("docs/support-matrix.md is up to date (npm run matrix writes it)", () => {
  const path = fileURLToPath(new URL("../../docs/support-matrix.md", import.meta.url));
  const document = readFileSync(path, "utf8").replaceAll("\r\n", "\n");
  expect(document).toBe(withMatrix(document));
});
