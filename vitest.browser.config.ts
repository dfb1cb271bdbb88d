import { defineConfig } from "vitest/config";
import { SETUP } from "./test/support/together.js";

// Pages in a real browser (Debian's chromium, through playwright-core): run by .ci/run.
export default defineConfig({
  test: {
    include: ["test/browser/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    setupFiles: SETUP,
    pool: "forks",
    maxWorkers: 1,
  },
});
