/** The steps that a search may take in all: what it follows comes from the dump, and may lead in circles or to no end. */
export class SearchSteps {
  #left: number;

  constructor(most: number) {
    this.#left = most;
  }

  /** Whether a step was refused: something may not have been found. */
  get cut(): boolean {
    return this.#left < 0;
  }

  /** Takes steps; false if there are not as many left, and then always. */
  take(count = 1): boolean {
    if (!this.cut) this.#left -= count;
    return !this.cut;
  }
}
