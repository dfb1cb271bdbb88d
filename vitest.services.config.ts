import { defineConfig } from "vitest/config";
import { useLargePages } from "./test/support/large-pages.js";
import { SETUP } from "./test/support/together.js";

useLargePages();

// Against real servers (redis-server, Swift): Linux only, run by .ci/run.
export default defineConfig({
  test: {
    include: ["test/services/**/*.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Real servers and a dozen processes on a machine that others use, too: in CI a test that fails is tried once more, and the report says
    // "retry x1" of it, which is to be looked into. By hand it fails at once.
    retry: process.env["CI"] ? 1 : 0,
    setupFiles: SETUP,
    pool: "forks",
    maxWorkers: 2,
  },
});
