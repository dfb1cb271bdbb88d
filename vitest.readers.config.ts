import { defineConfig } from "vitest/config";
import { useLargePages } from "./test/support/large-pages.js";
import { SETUP } from "./test/support/together.js";

useLargePages();

// Checks by readers that are not ours (crash, libkdumpfile, drgn, gdb, makedumpfile): Linux only, run by .ci/run.
export default defineConfig({
  test: {
    include: ["test/readers/**/*.test.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    setupFiles: SETUP,
    pool: "forks",
    maxWorkers: 2,
  },
});
