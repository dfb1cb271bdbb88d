import { types } from "node:util";
import { DumpError } from "./errors.js";
import { nearestName, unknownName } from "./nearest-name.js";

/** Checks a value from a caller; `at` names its place (`the option output.path`). Throws `BAD_OPTION`. */
export type OptionCheck = (value: unknown, at: string) => void;

/**
 * A check for each member of a type. If a type gets another member, its shape does not compile without a check for it.
 */
export type Shape<T> = { readonly [K in keyof T]-?: OptionCheck };

/**
 * Checks the options of a library function, for callers without TypeScript, before anything is read. An unknown name is
 * an error like a wrong value: a misspelt limit would be no limit. Throws `BAD_OPTION`.
 */
export function checkGiven<T>(options: T, shape: Shape<T>): void {
  look(anObject(shape), options, OPTIONS);
}

const OPTIONS = "what was given as options";

/** The same for a single argument. */
export function checkArgument(name: string, value: unknown, check: OptionCheck): void {
  look(check, value, `the argument ${name}`);
}

/** Checks a value that may have members which throw when they are read: getters, proxies of the caller's. */
function look(check: OptionCheck, value: unknown, at: string): void {
  try {
    check(value, at);
  } catch (error) {
    if (error instanceof DumpError) throw error;
    throw new DumpError("BAD_OPTION", `${at} cannot be read`, { cure: "Give plain values", cause: error });
  }
}

/** A value that may be absent. */
export const maybe =
  (check: OptionCheck): OptionCheck =>
  (value, at) => {
    if (value !== undefined) check(value, at);
  };

/** An object with these members. */
export const anObject =
  <T>(shape: Shape<T>, what = "an object"): OptionCheck =>
  (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(at, value, what);
    const isAll = at === OPTIONS;
    for (const name of Object.keys(value)) {
      if (Object.hasOwn(shape, name)) continue;
      const names = Object.keys(shape);
      const where = isAll ? "option" : `member of ${at}`;
      throw unknownName(where, name, nearestName(name, names), `There are ${names.join(", ")}`);
    }
    for (const [name, check] of Object.entries<OptionCheck>(shape)) {
      check((value as Readonly<Record<string, unknown>>)[name], isAll ? `the option ${name}` : `${at}.${name}`);
    }
  };

/** An array with at least `least` elements. */
export const listOf =
  (check: OptionCheck, least = 0): OptionCheck =>
  (value, at) => {
    if (!Array.isArray(value)) throw wrong(at, value, "an array");
    if (value.length < least) throw wrong(at, value, `${least} or more`);
    value.forEach((one, i) => {
      check(one, `${at}[${i}]`);
    });
  };

/** A value of one of two kinds. */
export const eitherOf =
  (isFirst: (value: unknown) => boolean, first: OptionCheck, second: OptionCheck): OptionCheck =>
  (value, at) =>
    isFirst(value) ? first(value, at) : second(value, at);

/** One of these words. */
export const anyOf =
  (...names: readonly unknown[]): OptionCheck =>
  (value, at) => {
    if (!names.includes(value)) throw wrong(at, value, `one of ${names.join(", ")}`);
  };

/** A value for which `is` returns true; `what` describes it in the error. */
export const suchThat =
  (is: (value: unknown) => boolean, what: string): OptionCheck =>
  (value, at) => {
    if (!is(value)) throw wrong(at, value, what);
  };

/** A whole number from `least` to `most`, at most the safe integers. */
export const wholeNumber = (least: number, most = Number.MAX_SAFE_INTEGER): OptionCheck =>
  suchThat(
    (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
    most === Number.MAX_SAFE_INTEGER ? `a whole number, at least ${least}` : `a whole number from ${least} to ${most}`,
  );

/** A limit: a whole number, or `Infinity` for no limit. */
export const atMost = (least: number): OptionCheck =>
  eitherOf((value) => value === Number.POSITIVE_INFINITY, anyValue, wholeNumber(least));

export const anyValue: OptionCheck = () => undefined;
export const aFlag = suchThat((value) => typeof value === "boolean", "true or false");
export const aNumber = suchThat((value) => typeof value === "number", "a number");
export const aText = suchThat((value) => typeof value === "string", "a text");
/** A name of a file, a folder or an object. It must not contain a zero, because the system's names end there. */
export const aFileName = suchThat(
  (value) => typeof value === "string" && value !== "" && !value.includes("\0"),
  "the name of a file, without zeros in it",
);
export const aFunction = suchThat((value) => typeof value === "function", "a function");
/** Bytes of this or another realm. */
export const someBytes = suchThat(types.isUint8Array, "a Uint8Array");
/** A time, of this or another realm. */
export const aDate = suchThat((value) => types.isDate(value) && !Number.isNaN(value.getTime()), "a Date");

/** One file name, or several. */
export const someFileNames = eitherOf(Array.isArray, listOf(aFileName, 1), aFileName);
/** A dump of `openDump` or `openInput` that is open. */
export const aDump: OptionCheck = (value, at) => {
  dumpLike(value, at);
  const problem = closedProblem(value as { readonly close: () => void });
  if (problem !== undefined) throw problem;
};

/** A dump, open or closed. */
export const dumpLike = suchThat(
  (value) => hasMembers(value, ["memory", "image", "ranges"]),
  "a dump, as openDump gives it",
);

/** The `close` of dumps that were closed: copies of a dump share it. */
const closed = new WeakSet<() => void>();

/** A dump whose use is refused once it was closed: by then the numbers of its files may be those of other files. */
export function closable<D extends { close(): void }>(dump: D): D {
  const close = () => {
    closed.add(close);
    dump.close();
  };
  return { ...dump, close };
}

/** The error of a dump that was closed; `undefined` if it is open. */
export function closedProblem({ close }: { readonly close: () => void }): DumpError | undefined {
  if (!closed.has(close)) return undefined;
  return new DumpError("BAD_OPTION", "the dump was closed before its use had ended", {
    cure: "Call close() when all that reads the dump is done",
  });
}

/** An `AbortSignal` of this or another realm. */
export const aSignal = suchThat((value) => hasMembers(value, ["aborted", "addEventListener"]), "an AbortSignal");

/** An object that has these members at least. */
export const havingMembers = (names: readonly string[], what: string): OptionCheck =>
  suchThat((value) => hasMembers(value, names), what);

/** Whether a value is an object with these members, whoever made it. */
export function hasMembers(value: unknown, names: readonly string[]): boolean {
  return typeof value === "object" && value !== null && names.every((name) => name in value);
}

function wrong(at: string, value: unknown, what: string): DumpError {
  return new DumpError("BAD_OPTION", `${at} is ${shown(value)}`, { cure: `Give ${what}` });
}

const MOST_SHOWN = 60;

function shown(value: unknown): string {
  if (typeof value === "string") {
    return value.length > MOST_SHOWN ? `a text of ${value.length} characters` : JSON.stringify(value);
  }
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === "object" && value !== null ? "another object" : String(value);
}
