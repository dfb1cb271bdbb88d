/** Something that reads what nobody checked before. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs to begin with. */
  seeds(): readonly Uint8Array[];
  /** Reads the input. Returning and throwing a DumpError are right; anything else is a finding. */
  run(input: Uint8Array): void | Promise<void>;
  /** Where most changes are made: the first bytes, where the headers are. Default: everywhere. */
  readonly reach?: number;
  /** Lines of text: numbers and lines are changed as such. */
  readonly text?: boolean;
  /** Bytes of the longest input. Default 64 KiB. */
  readonly longest?: number;
}
