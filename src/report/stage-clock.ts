/** A stage of a run, and how long it took. */
export interface StageTime {
  readonly name: string;
  readonly seconds: number;
}

/** Measures the times of stages that follow each other. */
export class StageClock {
  readonly #stages = new Map<string, number>();
  #last: number;

  /** `now` in milliseconds. */
  constructor(private readonly now: () => number = () => performance.now()) {
    this.#last = now();
  }

  /** The time since the last call belongs to this stage. If a stage occurs several times, its times are added. */
  passed(name: string): void {
    const now = this.now();
    this.#stages.set(name, (this.#stages.get(name) ?? 0) + (now - this.#last) / 1000);
    this.#last = now;
  }

  /** In the order in which they began. */
  get stages(): readonly StageTime[] {
    return [...this.#stages].map(([name, seconds]) => ({ name, seconds }));
  }
}
