import { defineConfig } from "vitest/config";
import { useLargePages } from "./test/support/large-pages.js";
import { APART, FAST_ELSEWHERE, NOT_FAST, SETUP } from "./test/support/together.js";

useLargePages();

// For work in between: what needs no real dumps, no servers and few processes. Under a minute on 2 cores.
export default defineConfig({
  test: {
    include: [
      "test/house/**/*.test.ts",
      "test/errors.test.ts",
      "test/codec/**/*.test.ts",
      "test/kernel/page/**/*.test.ts",
      "test/kernel/arch/**/*.test.ts",
      "test/reader/{elf,kdump,flattened}/**/*.test.ts",
      "test/reader/*.test.ts",
      "test/writer/{kdump-layout,elf-layout,facts,islands,split-ranges,output-name}.test.ts",
      "test/filter/{policy,free-lists}.test.ts",
      ...FAST_ELSEWHERE.map((path) => (path.endsWith(".ts") ? path : `${path}/**/*.test.ts`)),
    ],
    exclude: [...APART, ...NOT_FAST],
    setupFiles: SETUP,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    pool: "forks",
    maxWorkers: 2,
    isolate: false,
    provide: { shared: true },
  },
});
