import { DumpError } from "../../errors.js";
import { isStorePath } from "../../store/store-url.js";
import { isHttpOutput } from "../../writer/part-urls.js";
import { packingOfOutput } from "../pack-option.js";
import type { CommandName, Idle, Option, OutputForm } from "./option.js";
import type { OptionWords } from "./parse-values.js";
import { optionsOf, shortest } from "./table.js";

/** The words of a command line and of a configuration file; `given`: names of the options on the command line. */
interface Words {
  readonly command: CommandName;
  readonly words: OptionWords;
  readonly files: readonly string[];
  readonly given: readonly string[];
}

/**
 * The words that have an effect, as the table of options says it. Throws `BAD_OPTION` for options on the command line
 * that have none: who writes one would rely on it. A configuration file serves several commands and runs, so its options
 * without an effect are taken away.
 */
export function wordsWithEffect(
  command: CommandName,
  words: OptionWords,
  files: readonly string[],
  given: readonly string[],
): OptionWords {
  const options = optionsOf(command);
  let left = words;
  for (;;) {
    const useless = withoutEffect({ command, words: left, files, given }, "file");
    if (useless === undefined) break;
    left = Object.fromEntries(Object.entries(left).filter(([name]) => name !== useless.option.name));
  }
  checkAlternatives([...options.values()].filter(({ name }) => left[name] !== undefined && left[name] !== false));
  const useless = withoutEffect({ command, words: left, files, given }, "line");
  if (useless === undefined) return left;
  const { option, where, cure } = useless;
  throw new DumpError("BAD_OPTION", `${shortest(option)} has no effect ${where}`, { cure });
}

interface Useless {
  readonly option: Option;
  /** What an error says after "has no effect". */
  readonly where: string;
  readonly cure: string;
}

/** The first option of the command line, or of the configuration file, that has no effect. */
function withoutEffect({ command, words, files, given }: Words, from: "line" | "file"): Useless | undefined {
  const options = optionsOf(command);
  const present = [...options.values()].filter(({ name }) => words[name] !== undefined && words[name] !== false);
  // An empty list says "none of them".
  const used = present.filter((option) => !("empty" in option && /^,*$/.test(String(words[option.name]))));
  const judged = (from === "line" ? used : present).filter(({ name }) => given.includes(name) === (from === "line"));
  if (judged.length === 0) return undefined;
  const conditions = new Set(used.flatMap(({ name }) => [name, `${name}=${String(words[name])}`]));
  const forms = formsOf(command, words, files);
  for (const option of judged) {
    const useless = besideAlone(option, used) ?? ofOtherActions(command, option, files[0]);
    if (useless !== undefined) return useless;
    for (const idle of option.idle ?? []) {
      if (idle.only !== undefined && idle.only !== from) continue;
      const why = whyIdle(idle, command, conditions, forms);
      if (why !== undefined) return { option, ...reasonOf(why, option, options) };
    }
  }
  return undefined;
}

/** Throws `BAD_OPTION` for two options that say the same thing in two ways. */
function checkAlternatives(present: readonly Option[]): void {
  for (const [i, option] of present.entries()) {
    const other = present.slice(i + 1).find(({ same }) => same !== undefined && same === option.same);
    if (other === undefined) continue;
    throw new DumpError("BAD_OPTION", `${shortest(option)} and ${shortest(other)} cannot be combined`, {
      cure: "Use one of them",
    });
  }
}

/** An option beside one that leaves it nothing to do. */
function besideAlone(option: Option, used: readonly Option[]): Useless | undefined {
  const only = used.find(({ alone }) => alone !== undefined);
  if (only === undefined || only === option || only.alone?.includes(option.name) === true) return undefined;
  return { option, where: `beside ${shortest(only)}`, cure: "Leave out one of them" };
}

/** An option of other actions of the command. */
function ofOtherActions(command: CommandName, option: Option, action = "list"): Useless | undefined {
  if (option.actions === undefined || option.actions.includes(action)) return undefined;
  const where = option.actions.map((one) => `\`${command} ${one}\``).join(", ");
  return { option, where: `here: it is an option of ${where}`, cure: `Leave out ${shortest(option)}` };
}

/** The forms that all outputs of a command have. */
function formsOf(command: CommandName, words: OptionWords, files: readonly string[]): ReadonlySet<OutputForm> {
  if (words["write-vmcoreinfo"] !== undefined) return new Set();
  const mayBeStdout = command === "filter" || command === "handover";
  const outputs = words["flatten"] === true ? ["-"] : command === "split" ? files.slice(1) : files.slice(-1);
  const forms = outputs.map((output) => {
    const isStdout = output === "-" && mayBeStdout;
    const pack = words["pack"] as Parameters<typeof packingOfOutput>[1];
    return [
      ...(isStdout ? (["stdout"] as const) : []),
      ...(isHttpOutput(output) ? (["url"] as const) : []),
      ...(isStorePath(output) ? (["object"] as const) : []),
      packingOfOutput(isStdout ? undefined : output, pack) === undefined ? ("unpacked" as const) : ("packed" as const),
    ];
  });
  return new Set(forms[0]?.filter((form) => forms.every((others) => others.includes(form))));
}

/** The condition that makes an option idle: an option beside it, options that are not there, or a form of the output. */
type Why =
  | { readonly beside: string }
  | { readonly without: readonly string[] }
  | { readonly form: OutputForm; readonly without: readonly string[] };

function whyIdle(
  { in: commands, beside, without = [], output }: Idle,
  command: CommandName,
  names: ReadonlySet<string>,
  forms: ReadonlySet<OutputForm>,
): Why | undefined {
  if (commands !== undefined && !commands.includes(command)) return undefined;
  if (without.some((name) => names.has(name))) return undefined;
  if (beside !== undefined) {
    const other = beside.find((name) => names.has(name));
    return other === undefined ? undefined : { beside: other };
  }
  if (output === undefined) return { without };
  const form = output.find((one) => forms.has(one));
  return form === undefined ? undefined : { form, without };
}

const FORMS: Readonly<Record<OutputForm, string>> = {
  stdout: "if the output goes to stdout",
  object: "if the output is an object of a store",
  url: "if the output goes to a URL",
  packed: "if the output is packed",
  unpacked: "if the output is not packed",
};

function reasonOf(why: Why, option: Option, options: ReadonlyMap<string, Option>): Omit<Useless, "option"> {
  const named = (condition: string) => {
    const [name = "", value] = condition.split("=");
    return `${shortest(options.get(name) ?? { name })}${value === undefined ? "" : ` ${value}`}`;
  };
  const leave = `eave out ${shortest(option)}`;
  if ("beside" in why) return { where: `beside ${named(why.beside)}`, cure: "Leave out one of them" };
  const others = why.without.map(named).join(" or ");
  const cure = others === "" ? `L${leave}` : `Add ${others}, or l${leave}`;
  if ("form" in why) return { where: FORMS[why.form], cure };
  return { where: `without ${others}`, cure };
}
