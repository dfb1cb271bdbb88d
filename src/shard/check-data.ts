import { DumpError } from "../errors.js";

/** Checks a value and gives it its type, or throws a `BAD_OPTION` error that names the place. */
export type Check<T> = (value: unknown, at: string) => T;

function wrong(at: string, expected: string): never {
  throw new DumpError("BAD_OPTION", `${at} must be ${expected}`);
}

export const flag: Check<boolean> = (value, at) => (typeof value === "boolean" ? value : wrong(at, "true or false"));

export const text =
  (most: number): Check<string> =>
  (value, at) =>
    typeof value === "string" && value.length <= most ? value : wrong(at, `a text of at most ${most} characters`);

/** A text of the given form: a text that becomes part of a file name must not be a path. */
export const textLike =
  (isForm: (value: string) => boolean, what: string): Check<string> =>
  (value, at) =>
    typeof value === "string" && isForm(value) ? value : wrong(at, what);

export const number =
  (least: number, most: number, whole = true): Check<number> =>
  (value, at) =>
    typeof value === "number" && value >= least && value <= most && (!whole || Number.isInteger(value))
      ? value
      : wrong(at, `a number from ${least} to ${most}`);

export const oneOf =
  <const T extends string>(...names: readonly T[]): Check<T> =>
  (value, at) =>
    names.find((name) => name === value) ?? wrong(at, `one of ${names.join(", ")}`);

export const list =
  <T>(item: Check<T>, most: number): Check<readonly T[]> =>
  (value, at) =>
    Array.isArray(value) && value.length <= most
      ? value.map((one, i) => item(one, `${at}[${i}]`))
      : wrong(at, `a list of at most ${most}`);

export const optional =
  <T>(check: Check<T>): Check<T | undefined> =>
  (value, at) =>
    value === undefined || value === null ? undefined : check(value, at);

type Checked<S extends Record<string, Check<unknown>>> = {
  readonly [K in keyof S]: S[K] extends Check<infer T> ? T : never;
};

/** An object with these fields and no others. Fields that are `undefined` are left out. */
export const object =
  <S extends Record<string, Check<unknown>>>(shape: S): Check<Checked<S>> =>
  (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) wrong(at, "an object");
    const given = value as Record<string, unknown>;
    const unknown = Object.keys(given).find((name) => !Object.hasOwn(shape, name));
    if (unknown !== undefined)
      throw new DumpError("BAD_OPTION", `${at} has an unknown member ${JSON.stringify(unknown)}`);
    const out: Record<string, unknown> = {};
    for (const [name, check] of Object.entries(shape)) {
      const checked = check(Object.hasOwn(given, name) ? given[name] : undefined, `${at}.${name}`);
      if (checked !== undefined) out[name] = checked;
    }
    return out as Checked<S>;
  };
