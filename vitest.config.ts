import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Programs that tests start leave no compiled code in the home of who runs them (src/code-cache.ts).
    env: { NODE_DISABLE_COMPILE_CACHE: "1" },
    include: ["test/**/*.test.ts"],
    exclude: ["test/readers/**", "test/browser/**", "test/services/**"],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
