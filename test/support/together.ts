/** Which test files have a process of their own: for vitest's configurations, and for the test that watches over them. */

/** Folders of tests that `npm test` leaves out: they need programs or servers, and have configurations of their own. */
export const ELSEWHERE_FOLDERS = ["browser", "kernels", "readers", "services"] as const;

/** Files that mock a module, which others of their process may have loaded. */
export const MOCKING = [
  "test/filter/privacy/cipher-keys.test.ts",
  "test/filter/privacy/large-slabs.test.ts",
  "test/filter/privacy/long-names.test.ts",
  "test/filter/privacy/open-files.test.ts",
  "test/filter/privacy/post-queues.test.ts",
  "test/reader/closed-once.test.ts",
  "test/reader/source/packed/built-in-zstd.test.ts",
  "test/shard/allowed-output.test.ts",
  "test/steps/steps.test.ts",
];

/** Files that leave a store open, as a run that is killed does: its thread would serve others in the environment that it began in. */
const LEAVING_STORES = ["test/store/connection.test.ts"];

export const APART = [...MOCKING, ...LEAVING_STORES];

/** What the short run (vitest.fast.config.ts) takes of other folders into the same processes. */
export const FAST_ELSEWHERE = ["test/queue/job-data.test.ts", "test/docs"] as const;

/** What it leaves out of its folders: processes, real dumps, whole runs for each machine. */
export const NOT_FAST = [
  "test/docs/stories.test.ts",
  "test/docs/library-lines.test.ts",
  "test/kernel/arch/machines.test.ts",
];

/** Runs before each test file. */
export const SETUP = ["test/support/setup.ts"];
