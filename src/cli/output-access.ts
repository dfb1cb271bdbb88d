import { type OutputAccess, parseMode, parseOwner } from "../shard/output-access.js";

/** Whose outputs become, and who may read them. Throws `BAD_OPTION`. */
export function outputAccess(values: {
  readonly outputMode: string | undefined;
  readonly outputOwner: string | undefined;
}): OutputAccess {
  const { outputMode, outputOwner } = values;
  return {
    ...(outputMode === undefined ? {} : { mode: parseMode(outputMode) }),
    ...(outputOwner === undefined ? {} : parseOwner(outputOwner)),
  };
}
