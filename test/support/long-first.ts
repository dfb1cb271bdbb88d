/** For vitest's configuration: the order of the test files. */
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { APART } from "./together.js";

/** Files that take long and are short: the order is by size, and one core would be left with them at the end. */
const LONG = [
  "test/faults/campaign.test.ts",
  "test/worker/memory.test.ts",
  "test/run/golden.test.ts",
  "test/bench/synthetic.test.ts",
  "test/cli/not-searched.test.ts",
];

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const is = (list: readonly string[], { moduleId }: TestSpecification) =>
      list.some((name) => moduleId.endsWith(name));
    // Those that are apart stay in front: they have processes of their own.
    const rank = (file: TestSpecification) => (is(APART, file) ? 0 : is(LONG, file) ? 1 : 2);
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
