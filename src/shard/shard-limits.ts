/** The most shards of a run: each is a job and some small files. */
export const MAX_SHARDS = 4096;
