/** Which test files follow each other in the same processes: for vitest's configurations, and for the test that watches over them. */

/** Folders whose tests change nothing that belongs to the process, or take it back; so do the files beside the folders. */
export const TOGETHER_FOLDERS = ["codec", "filter", "house", "kernel", "reader", "support", "writer"] as const;

/** Files in these folders that do change it, or mock a module, which others of their process may have loaded. */
export const APART = [
  "test/reader/source/packed/built-in-zstd.test.ts",
  "test/reader/closed-once.test.ts",
  "test/reader/live/libvirt-guest.test.ts",
  "test/filter/privacy/cipher-keys.test.ts",
  "test/filter/privacy/large-slabs.test.ts",
];

/** What the short run (vitest.fast.config.ts) takes of other folders into the same processes. */
export const FAST_ELSEWHERE = ["test/queue/job-data.test.ts", "test/docs"] as const;

/** Runs before each test file. */
export const SETUP = ["test/support/setup.ts"];
