/** BullMQ's number of the priority that comes last. */
export const MAX_PRIORITY = 2 ** 21;
/** Characters of a submitter's own name of a run. */
export const MAX_KEY = 256;
