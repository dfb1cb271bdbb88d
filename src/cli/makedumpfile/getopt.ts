/** An option, as for getopt_long. */
export interface OptionSpec {
  /** Its letter, if it has one. */
  readonly short?: string;
  /** Its name, if it has one. */
  readonly long?: string;
  readonly takesValue: boolean;
}

/** A word of the command line. */
export type ParsedWord<S extends OptionSpec> =
  | { readonly kind: "option"; readonly spec: S; readonly value: string }
  | { readonly kind: "file"; readonly name: string }
  | { readonly kind: "mistake"; readonly message: string };

/**
 * Parses a command line like GNU getopt_long, one word after the other: letters in a cluster (`-fl`), values attached
 * (`-d31`, `--message-level=7`) or separate (also if they begin with a dash), abbreviated names if they are unique,
 * files anywhere, and only files behind `--`. Stops at the first mistake, with getopt's message.
 *
 * yargs differs in all of this: it does not support abbreviated names or `-1` as a value, and reports neither the order
 * of options nor which mistake came first; makedumpfile's behaviour depends on both.
 */
export function* getoptLong<S extends OptionSpec>(
  argv: readonly string[],
  specs: readonly S[],
): Generator<ParsedWord<S>, void> {
  let at = 0;
  while (at < argv.length) {
    const word = argv[at++] as string;
    if (word === "--") break;
    if (!word.startsWith("-") || word === "-") {
      yield { kind: "file", name: word };
      continue;
    }
    for (const part of word.startsWith("--") ? longOption(word, specs) : shortOptions(word, specs)) {
      if (part.kind === "mistake") {
        yield part;
        return;
      }
      let { value } = part;
      if (value === undefined && part.spec.takesValue) {
        value = argv[at++];
        if (value === undefined) {
          yield { kind: "mistake", message: part.ifNoValue };
          return;
        }
      }
      yield { kind: "option", spec: part.spec, value: value ?? "" };
    }
  }
  for (const name of argv.slice(at)) yield { kind: "file", name };
}

type Part<S> =
  | { readonly kind: "option"; readonly spec: S; readonly value: string | undefined; readonly ifNoValue: string }
  | { readonly kind: "mistake"; readonly message: string };

function longOption<S extends OptionSpec>(word: string, specs: readonly S[]): Part<S>[] {
  const equals = word.indexOf("=");
  const given = equals === -1 ? word.slice(2) : word.slice(2, equals);
  const value = equals === -1 ? undefined : word.slice(equals + 1);
  const exact = specs.find(({ long }) => long === given);
  const possible = exact === undefined ? specs.filter(({ long }) => long?.startsWith(given)) : [exact];
  const [spec] = possible;
  if (spec === undefined) return [{ kind: "mistake", message: `unrecognized option '--${given}'` }];
  if (possible.length > 1) {
    const names = possible.map(({ long }) => `'--${long}'`).join(" ");
    return [{ kind: "mistake", message: `option '--${given}' is ambiguous; possibilities: ${names}` }];
  }
  const name = `option '--${spec.long}'`;
  if (value !== undefined && !spec.takesValue)
    return [{ kind: "mistake", message: `${name} doesn't allow an argument` }];
  return [{ kind: "option", spec, value, ifNoValue: `${name} requires an argument` }];
}

function shortOptions<S extends OptionSpec>(word: string, specs: readonly S[]): Part<S>[] {
  const parts: Part<S>[] = [];
  for (let i = 1; i < word.length; i++) {
    const letter = word[i] as string;
    const spec = specs.find(({ short }) => short === letter);
    if (spec === undefined) {
      parts.push({ kind: "mistake", message: `invalid option -- '${letter}'` });
      break;
    }
    const rest = word.slice(i + 1);
    const value = spec.takesValue && rest !== "" ? rest : undefined;
    parts.push({ kind: "option", spec, value, ifNoValue: `option requires an argument -- '${letter}'` });
    if (spec.takesValue) break;
  }
  return parts;
}
