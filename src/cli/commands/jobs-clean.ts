import { formatBytes } from "../../byte-size.js";
import { DumpError } from "../../errors.js";
import type { CleanOptions, JudgedStaging, StagingFate } from "../../queue/clean-stagings.js";
import { formatCount } from "../../readable-count.js";
import type { StoreThread } from "../../store/open-store.js";
import type { CommandEnd } from "../command.js";
import { printJson, printLines, printNote } from "../print.js";

/** Options of `jobs clean`. */
export interface CleanValues {
  readonly redis: string | undefined;
  readonly olderThan: number | undefined;
  readonly withoutRedis: boolean;
  readonly remove: boolean;
  readonly json: boolean;
}

const DAYS = "--older-than";

/**
 * `coresieve jobs clean PLACE…`: finds and removes files that runs left next to their outputs and that the queue does
 * not know any more.
 */
export async function cleanJobs(
  paths: readonly string[],
  values: CleanValues,
  signal: AbortSignal,
): Promise<CommandEnd> {
  const [{ cleanStagings, DAY, isRunKnown, RETENTION_DAYS }, { stagingPlace }] = await Promise.all([
    import("../../queue/clean-stagings.js"),
    import("../../shard/staging-place.js"),
  ]);
  const { withoutRedis, remove, json } = values;
  const days = values.olderThan;
  // Without Redis the running runs are not known; they write at least once a day.
  if (withoutRedis && days === 0) {
    throw new DumpError("BAD_OPTION", `${DAYS} 0: must be a whole number from 1 to 36500 with --without-redis`);
  }
  if (withoutRedis && days === undefined) {
    throw new DumpError(
      "BAD_OPTION",
      "--without-redis: without the queue, coresieve does not know which runs still need their files",
      {
        cure: `Name an age, too: ${DAYS} ${RETENTION_DAYS} keeps what was written to in the last ${RETENTION_DAYS} days`,
      },
    );
  }
  const queues = withoutRedis ? undefined : await openOrSay(values.redis);
  let store: StoreThread | undefined;
  const openStore = async () => {
    store ??= (await import("../../store/open-store.js")).openStore();
    return store;
  };
  const options: CleanOptions = {
    remove,
    now: queues?.clock.now() ?? Date.now(),
    age: (days ?? RETENTION_DAYS) * DAY,
    isKnown: async (id) => queues !== undefined && (await isRunKnown(queues, id)),
  };
  const rows: JudgedStaging[] = [];
  try {
    for (const path of paths) {
      for await (const row of cleanStagings(await stagingPlace(path, openStore), options)) {
        rows.push(row);
        if (!json) printLines([describe(row, options.age / DAY)]);
        signal.throwIfAborted();
      }
    }
  } finally {
    await store?.close();
    await queues?.close();
  }
  if (json) printJson(rows, 2);
  else sumUp(rows);
  return rows.some(({ fate }) => fate === "foreign" || fate === "failed") ? 1 : undefined;
}

async function openOrSay(redis: string | undefined) {
  const { openQueues, redisUrl } = await import("../../queue/queues.js");
  const url = redisUrl(redis);
  try {
    return await openQueues(url, { anyPolicy: true });
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    throw new DumpError(error.code, error.summary, {
      cure: `${error.cure ?? "Name the queue with --redis"}; where there is none any more, name --without-redis ${DAYS} DAYS`,
      cause: error,
    });
  }
}

const FATES: Record<Exclude<StagingFate, "foreign" | "failed">, string> = {
  left: "can be removed",
  removed: "removed",
  known: "kept, the queue has its run",
  recent: "kept, written to in the last",
};

function describe({ path, fate, bytes, written, reason }: JudgedStaging, days: number): string {
  if (fate === "failed") return reason ?? path;
  if (fate === "foreign")
    return `${path}: kept, ${JSON.stringify(reason)} in it is not from coresieve; look at it, and remove it by hand`;
  const since = fate === "recent" ? ` ${days} days` : "";
  return `${path}: ${FATES[fate]}${since}, ${formatBytes(bytes ?? 0)}${writtenAt(written)}`;
}

/** The last time, in milliseconds since 1970, that a Date can represent: a file's time may be any number. */
const LAST_DATE = 8.64e15;

function writtenAt(written: number | undefined): string {
  if (written === undefined || Math.abs(written) > LAST_DATE) return "";
  return `, last written ${new Date(written).toISOString()}`;
}

/** Prints the summary on stderr, because the list on stdout is for programs, too. */
function sumUp(rows: readonly JudgedStaging[]): void {
  if (rows.length === 0) printNote("nothing is left of any run");
  for (const [fate, after] of [
    ["left", "can be removed; --remove does it"],
    ["removed", "are removed"],
  ] as const) {
    const some = rows.filter((row) => row.fate === fate);
    const size = formatBytes(some.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0));
    if (some.length > 0) printNote(`${formatCount(some.length)} of ${formatCount(rows.length)} (${size}) ${after}`);
  }
}
