/** A stage of a run and how long it took. */
export interface StageTime {
  readonly name: string;
  readonly seconds: number;
}

/** Takes the times of stages that follow each other. */
export class StageClock {
  readonly #now: () => number;
  readonly #stages = new Map<string, number>();
  #last: number;

  /** `now` in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#last = now();
  }

  /** What passed since the last call was this stage. Of a stage that comes again the times add up. */
  passed(name: string): void {
    const now = this.#now();
    this.#stages.set(name, (this.#stages.get(name) ?? 0) + (now - this.#last) / 1000);
    this.#last = now;
  }

  /** In the order in which they began. */
  get stages(): readonly StageTime[] {
    return [...this.#stages].map(([name, seconds]) => ({ name, seconds }));
  }
}
