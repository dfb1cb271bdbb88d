import { defineConfig } from "vitest/config";

// Against real servers (redis-server, Swift): Linux only, run by .ci/run.
export default defineConfig({
  test: {
    include: ["test/services/**/*.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: "forks",
    maxWorkers: 1,
  },
});
