/** BullMQ's number for the lowest priority. */
export const MAX_PRIORITY = 2 ** 21;
/** The most characters of a submitter's own name of a run. */
export const MAX_KEY = 256;
