import { defineConfig } from "vitest/config";

// Checks by readers that are not ours (crash, libkdumpfile, drgn, gdb, makedumpfile): Linux only, run by .ci/run.
export default defineConfig({
  test: {
    // Programs that tests start leave no compiled code in the home of who runs them (src/code-cache.ts).
    env: { NODE_DISABLE_COMPILE_CACHE: "1" },
    include: ["test/readers/**/*.test.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
