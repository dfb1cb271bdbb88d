import { defineConfig } from "vitest/config";

// Pages in a real browser (Debian's chromium, through playwright-core): run by .ci/run.
export default defineConfig({
  test: {
    // Programs that tests start leave no compiled code in the home of who runs them (src/code-cache.ts).
    env: { NODE_DISABLE_COMPILE_CACHE: "1" },
    include: ["test/browser/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 1,
  },
});
