import { defineConfig } from "vitest/config";
import { useLargePages } from "./test/support/large-pages.js";
import { LongFirst } from "./test/support/long-first.js";
import { APART, ELSEWHERE_FOLDERS, SETUP } from "./test/support/together.js";

useLargePages();

const ELSEWHERE = `test/{${ELSEWHERE_FOLDERS.join(",")}}/**`;

const common = { setupFiles: SETUP, testTimeout: 120_000, hookTimeout: 300_000, pool: "forks", maxWorkers: 2 } as const;

export default defineConfig({
  test: {
    ...common,
    sequence: { sequencer: LongFirst },
    projects: [
      // Files follow each other in the same processes, and share the modules that they import: a process for each takes half a second of the processor more.
      {
        test: {
          ...common,
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: [ELSEWHERE, ...APART],
          isolate: false,
          provide: { shared: true },
        },
      },
      { test: { ...common, name: "apart", include: APART } },
    ],
  },
});
