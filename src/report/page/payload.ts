/** Data for the page's script in addition to the cells: JSON in the page. */
export interface Payload {
  readonly pageSize: number;
  /** Pages per cell. */
  readonly unit: number;
  /** First page and number of cells of each segment; the cells of all segments follow each other. */
  readonly segments: readonly (readonly [startPfn: number, cells: number])[];
  /** Labels of the kinds, by their numbers. */
  readonly kinds: readonly string[];
  /** The group of each kind. */
  readonly groupOf: readonly number[];
  readonly groups: readonly { readonly id: string; readonly label: string }[];
  /** Names of the fates, by their numbers. */
  readonly fates: readonly string[];
  readonly places: readonly {
    readonly type: "node" | "zone";
    readonly name: string;
    readonly start: number;
    readonly end: number;
  }[];
}

/** The state of a cell without memory. */
export const HOLE = 255;
/** A state is 4 times the kind, plus the fate: 0 not in the input, 1 kept, 2 kept as a page of zeros, 3 dropped. */
export const FATE_COUNT = 4;
