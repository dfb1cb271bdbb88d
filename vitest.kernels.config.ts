import { defineConfig } from "vitest/config";
import { SETUP } from "./test/support/together.js";

// Real kernels, booted and dumped, or their dumps in a folder: CONTRIBUTING.md says how. Linux; not in .ci/run.
export default defineConfig({
  test: {
    include: ["test/kernels/**/*.test.ts"],
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
    setupFiles: SETUP,
    pool: "forks",
    maxWorkers: 1,
  },
});
