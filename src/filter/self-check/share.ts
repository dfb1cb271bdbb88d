/** How many of the checked cases were right. */
export interface Share {
  /** What was checked and which rule must hold, for tests and people. */
  readonly rule: string;
  readonly cases: number;
  readonly right: number;
}

/** Whether there are at least `least` cases, of which fewer than `limit` (0 to 1) are right. */
export function fails({ cases, right }: Share, least: number, limit: number): boolean {
  return cases >= least && right < cases * limit;
}
