/** The name that stands for stdin. */
export const STDIN = "-";
