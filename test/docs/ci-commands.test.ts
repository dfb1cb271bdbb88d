/** What .ci/run runs as "the README's own command" stands in README.md: it stops after minutes where one does not. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const textOf = (page: string) => readFileSync(new URL(`../../${page}`, import.meta.url), "utf8");
const named = [...textOf(".ci/run").matchAll(/^readme '([^'\n]+)'$/gm)].map((found) => found[1] as string);

test("commands of the README are run", () => expect(named.length).toBeGreaterThan(1));

test.each(named)("README.md names %s", (command) => expect(textOf("README.md")).toContain(command));
