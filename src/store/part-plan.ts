/** Most parts of an upload, of any S3-compatible store. */
export const MAX_PARTS = 10_000;
/** Least bytes of a part that is not the last one. */
export const MIN_PART_SIZE = 5 * 2 ** 20;
/** Most bytes of a part. */
export const MAX_PART_SIZE = 5 * 2 ** 30;
