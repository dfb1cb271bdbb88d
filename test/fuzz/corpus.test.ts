/** What fuzzing found once is read again: a value or a DumpError, and in no time. How to look for more: CONTRIBUTING.md. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { execute } from "../../fuzz/execute.js";
import { endRuns } from "../../fuzz/targets/runs.js";
import { targets } from "../../fuzz/targets.js";

const corpus = "fuzz/corpus";
const findings = readdirSync(corpus, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".bin"))
  .map((name) => name.replaceAll("\\", "/"));

afterAll(endRuns);

describe.each(targets)("$name", (target) => {
  const names = existsSync(`${corpus}/${target.name}`) ? readdirSync(`${corpus}/${target.name}`) : [];
  // The plainest inputs show that the target reads something at all.
  const [seed = new Uint8Array(0)] = target.seeds();
  test("an undamaged input", async () => expect(await execute(target, seed)).toBeUndefined());

  if (names.length > 0) {
    test.each(names)("%s", async (name) => {
      expect(await execute(target, new Uint8Array(readFileSync(`${corpus}/${target.name}/${name}`)))).toBeUndefined();
    });
  }
});

test("every finding is of a target, is small, and is told of in the list", () => {
  const list = readFileSync(`${corpus}/README.md`, "utf8");
  const known = new Set(targets.map(({ name }) => name));
  expect(findings.filter((name) => !known.has(name.split("/")[0] as string) || !list.includes(`\`${name}\``))).toEqual(
    [],
  );
  expect(findings.reduce((sum, name) => sum + statSync(`${corpus}/${name}`).size, 0)).toBeLessThan(200_000);
});
