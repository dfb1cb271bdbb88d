import { defineConfig } from "vitest/config";

/**
 * Folders whose tests change nothing that belongs to the process: their files follow each other in the same processes, each with
 * modules of its own. A process for each of them takes a tenth of the whole run.
 */
const TOGETHER = ["test/{codec,filter,house,kernel,reader,support,writer}/**/*.test.ts", "test/*.test.ts"];
/** Files in these folders that do change it, or mock a module. */
const APART = [
  "test/reader/closed-once.test.ts",
  "test/reader/live/libvirt-guest.test.ts",
  "test/filter/privacy/large-slabs.test.ts",
];
const ELSEWHERE = ["test/{readers,browser,services,kernels}/**"];

const common = { testTimeout: 120_000, hookTimeout: 300_000, pool: "forks", maxWorkers: 2 } as const;

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
          include: ["test/!(codec|filter|house|kernel|reader|support|writer)/**/*.test.ts", ...APART],
          exclude: ELSEWHERE,
        },
      },
    ],
  },
});
