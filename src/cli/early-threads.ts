import { isStorePath } from "../store/store-url.js";
import { MAX_THREADS, standardThreads, WorkerThreads } from "../worker/threads.js";
import { COMMAND_NAMES } from "./options/option.js";

/** Arguments of runs that do not filter a dump. */
const OTHER_WORK = new Set(["-h", "--help", "-v", "--version", "-g", "--write-vmcoreinfo"]);

/**
 * Starts the worker threads of a filter run before its command line is parsed, after a quick check. `undefined` if it
 * does not look like a filter run; the command then starts the threads that it needs.
 */
export function startEarly(argv: readonly string[]): WorkerThreads | undefined {
  const [first = ""] = argv;
  if (
    argv.length < 2 ||
    (first !== "filter" && COMMAND_NAMES.some((name) => name === first)) ||
    argv.some((word) => OTHER_WORK.has(word))
  )
    return undefined;
  if (argv.some(isStorePath)) startStore();
  const count = threadsAskedFor(argv);
  return Number.isInteger(count) && count >= 1 && count <= MAX_THREADS ? new WorkerThreads(count) : undefined;
}

/** The thread that speaks with stores, too. It ends with the program. Where it cannot be started, whoever needs it says so. */
function startStore(): void {
  void import("../store/open-store.js").then(({ openStore }) => openStore()).catch(() => undefined);
}

function threadsAskedFor(argv: readonly string[]): number {
  const at = argv.findLastIndex((word) => word === "--num-threads" || word.startsWith("--num-threads="));
  const word = argv[at];
  if (word === undefined) return standardThreads();
  return Number(word === "--num-threads" ? argv[at + 1] : word.slice(word.indexOf("=") + 1));
}
