/** IDs of `runIdOf`, which are part of the staging's name. */
const RUN_ID = /^[a-p][0-9a-f]{15}$/;

/** Whether a text can be a run's ID. Anyone who can write to Redis, or to a folder, can name one. */
export function isRunId(id: string): boolean {
  return RUN_ID.test(id);
}

/** The run whose staging has this name, `OUT.coresieve-ID`; `undefined` if it is not a staging's name. */
export function parseStaging(name: string): { readonly output: string; readonly id: string } | undefined {
  const found = /^(.*[^/])\.coresieve-([^./-]+)$/s.exec(name);
  const [, output, id] = found ?? [];
  return output !== undefined && id !== undefined && isRunId(id) ? { output, id } : undefined;
}

const PLAN_FOLDER = /^[0-9a-f]{16}$/;
/**
 * All names of files in a staging, of this program and earlier versions, and the names that these files have until they
 * are complete.
 */
const FILE =
  /^(plan\.json|exists|kept|erase-\d+-(start|end|every|count)|stack-tops|output\.partial|(upload|begun|finishing)\.json|shard-\d{4,}\.(size|done|records|edges|held|data-\d{4,}))$/;
const UNFINISHED = /^\.(.+)\.[0-9a-f]{8}$/;

/**
 * Whether a staging may contain a file with this path, which starts after the staging's own name. Until 0.1.0 there
 * were no folders of plans. A test compares this with what runs write.
 */
export function isStagingFile(path: string): boolean {
  const parts = path.split("/");
  const name = parts.pop() as string;
  if (parts.length > 1 || parts.some((folder) => !isPlanFolder(folder))) return false;
  return FILE.test(name) || FILE.test(UNFINISHED.exec(name)?.[1] ?? "");
}

/** Whether a folder in a staging can be that of a plan. */
export function isPlanFolder(name: string): boolean {
  return PLAN_FOLDER.test(name);
}
