/** Pages [startPfn, endPfn). */
export interface PfnRange {
  readonly startPfn: number;
  readonly endPfn: number;
}
