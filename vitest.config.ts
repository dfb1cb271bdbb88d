import { defineConfig } from "vitest/config";
import { APART, SETUP, TOGETHER_FOLDERS } from "./test/support/together.js";

/**
 * Files in these folders follow each other in the same processes, and share the modules that they import. A process for each of them
 * takes a tenth of the whole run.
 */
const folders = TOGETHER_FOLDERS.join(",");
const TOGETHER = [`test/{${folders}}/**/*.test.ts`, "test/*.test.ts"];
const ELSEWHERE = ["test/{readers,browser,services,kernels}/**"];

const common = { setupFiles: SETUP, testTimeout: 120_000, hookTimeout: 300_000, pool: "forks", maxWorkers: 2 } as const;

export default defineConfig({
  test: {
    ...common,
    projects: [
      { test: { ...common, name: "together", include: TOGETHER, exclude: APART, isolate: false } },
      // A pattern that stands in both is for the files that the first project leaves out.
      {
        test: {
          ...common,
          name: "apart",
          include: [`test/!(${TOGETHER_FOLDERS.join("|")})/**/*.test.ts`, ...APART],
          exclude: ELSEWHERE,
        },
      },
    ],
  },
});
