import { formatBytes } from "../byte-size.js";
import type { HandOverProgress } from "../handover/hand-over-types.js";
import type { FilterProgress } from "../run/filter-dump.js";
import type { VerifyProgress } from "../verify/verify-options.js";
import { formatSeconds } from "./numbers.js";
import { canRedraw } from "./terminal.js";

type Progress = (FilterProgress | VerifyProgress | HandOverProgress | DigestStep) & {
  /** Share of a run of several steps, from 0 to 1, which the bar shows. */
  readonly share?: number;
};

/** A digest is computed; its bytes are counted as pages. */
interface DigestStep {
  readonly phase: "digest";
  readonly done: number;
  readonly total: number;
}

/** Shows the progress of a run. */
export interface ProgressDisplay {
  update(progress: Progress): void;
  /** Clears the bar; the next output starts on its own line. */
  end(): void;
}

const LABELS: Readonly<Record<Progress["phase"], string>> = {
  find: "Searching memory for the kernel",
  classify: "Looking at pages",
  extend: "Asking the extension",
  zero: "Looking for zero pages",
  check: "Reading all pages",
  compare: "Comparing",
  digest: "Taking the digest",
  search: "Searching texts",
  write: "Writing",
  audit: "Looking for user data",
  verify: "Reading all pages",
  send: "Sending",
};
const BAR_WIDTH = 30;
const TERMINAL_MILLISECONDS = 100;
/** The interval between lines in logs and on serial consoles: a dump was once slowed down by its own progress. */
const PLAIN_MILLISECONDS = 5000;

/** On a terminal, a bar with rate and remaining time; otherwise a plain line every five seconds. */
export function progressDisplay(stream: NodeJS.WriteStream, pageSize: number): ProgressDisplay {
  const terminal = canRedraw(stream);
  const interval = terminal ? TERMINAL_MILLISECONDS : PLAIN_MILLISECONDS;
  let phase: Progress["phase"] | undefined;
  let started = 0;
  let shown = performance.now();
  return {
    update(progress) {
      const now = performance.now();
      if (progress.phase !== phase) {
        phase = progress.phase;
        started = now;
      }
      if (now - shown < interval) return;
      shown = now;
      const line = describe(progress, (now - started) / 1000, pageSize);
      if (terminal) stream.write(`\r${bar(progress)} ${line}\x1b[K`);
      else stream.write(`coresieve: ${line}\n`);
    },
    end() {
      if (terminal) stream.write("\r\x1b[K");
    },
  };
}

function describe({ phase, done, total, share }: Progress, seconds: number, pageSize: number): string {
  // The first report of a phase comes at its beginning, so it has no rate.
  const rate = seconds > 0 && done > 0 ? `, ${formatBytes((done * pageSize) / seconds)}/s` : "";
  const left = done > 0 && seconds > 1 ? `, ${formatSeconds((seconds * (total - done)) / done)} left` : "";
  const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
  if (share !== undefined) return `${Math.floor(100 * share)} % done; now ${LABELS[phase].toLowerCase()}${rate}`;
  return `${LABELS[phase]} ${percent} %${rate}${left}`;
}

function bar({ done, total, share = total === 0 ? 1 : done / total }: Progress): string {
  const filled = Math.round(BAR_WIDTH * share);
  return `[${"#".repeat(filled)}${".".repeat(BAR_WIDTH - filled)}]`;
}
