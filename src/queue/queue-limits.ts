/** BullMQ's number of the priority that comes last. */
export const MAX_PRIORITY = 2 ** 21;
