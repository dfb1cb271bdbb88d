import { defineConfig } from "vitest/config";

// Pages in a real browser (Debian's chromium, through playwright-core): run by .ci/run.
export default defineConfig({
  test: {
    include: ["test/browser/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 1,
  },
});
