import { defineConfig } from "vitest/config";

// Against real servers (redis-server, Swift): Linux only, run by .ci/run.
export default defineConfig({
  test: {
    // Programs that tests start leave no compiled code in the home of who runs them (src/code-cache.ts).
    env: { NODE_DISABLE_COMPILE_CACHE: "1" },
    include: ["test/services/**/*.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: "forks",
    maxWorkers: 1,
  },
});
