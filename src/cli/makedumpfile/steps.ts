import { type Messages, REPORT } from "./messages.js";

const SPINNER = "/|\\-";
/** The least time between two lines, in milliseconds; the end of a step is always printed. */
const INTERVAL = 1000;

/** makedumpfile's names of the steps of a run. */
export type StepName =
  | "Checking for memory holes"
  | "Excluding unnecessary pages"
  | "Excluding zero pages"
  | "Copying data";

/** Prints makedumpfile's progress lines and, with the report bit, the duration of each step. */
export class Steps {
  #step: StepName | undefined;
  #started = 0;
  #shown = Number.NEGATIVE_INFINITY;
  #turns = 0;
  #midLine = false;

  /** `now` returns milliseconds. */
  constructor(
    private readonly messages: Messages,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Reports the progress of a step; a new step ends the previous one. */
  update(step: StepName, done: number, total: number): void {
    if (step !== this.#step) {
      this.#end();
      this.#step = step;
      this.#started = this.now();
    }
    // The end of a step is printed by `#end`.
    if (done < total) this.#show(step, total === 0 ? 0 : done / total);
  }

  /** Ends the last step. */
  finish(): void {
    this.#end();
    this.breakLine();
  }

  /** Makes the next output begin on its own line. */
  breakLine(): void {
    if (this.#midLine) this.messages.progress("\n");
    this.#midLine = false;
  }

  #end(): void {
    const step = this.#step;
    if (step === undefined) return;
    this.#show(step, 1);
    this.#step = undefined;
    if (!this.messages.has(REPORT)) return;
    if (this.messages.flattened) this.breakLine();
    const seconds = Math.max(0, this.now() - this.#started) / 1000;
    this.messages.report(`STEP [${step.padEnd(27)}] : ${seconds.toFixed(6)} seconds`);
  }

  #show(step: StepName, share: number): void {
    const now = this.now();
    if (share < 1 && now - this.#shown < INTERVAL) return;
    this.#shown = now;
    const percent = (Math.floor(share * 1000) / 10).toFixed(1).padStart(5);
    const elapsed = (now - this.#started) / 1000;
    const eta = step === "Copying data" && share > 0 ? `eta: ${etaText((elapsed * (1 - share)) / share)}` : "";
    const spinner = SPINNER[this.#turns++ % SPINNER.length];
    this.messages.progress(`\r${step.padEnd(50)}: [${percent} %] ${spinner}  ${eta.padStart(16)}`);
    this.#midLine = true;
  }
}

/** Time left: 12s, 5m7s, 3h12m, 4d3h. */
export function etaText(left: number): string {
  const seconds = Math.max(0, Math.trunc(left));
  const minutes = Math.trunc(seconds / 60);
  const hours = Math.trunc(minutes / 60);
  const days = Math.trunc(hours / 24);
  if (seconds < 100) return `${seconds}s`;
  if (minutes < 100) return `${minutes}m${seconds % 60}s`;
  if (hours < 48) return `${hours}h${minutes % 60}m`;
  if (days < 100) return `${days}d${hours % 24}h`;
  return ">100day";
}
