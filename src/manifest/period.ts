/**
 * The time of a run, for its records. `ended()` adds what the monotonic clock has counted to `started`: with the host's
 * clock set back during the run, the end was before the beginning.
 */
export class Period {
  readonly started = new Date();
  readonly #from = performance.now();

  ended(): Date {
    return new Date(this.started.getTime() + performance.now() - this.#from);
  }
}
