import { DumpError } from "../../errors.js";
import { isStorePath } from "../../store/store-url.js";
import { isHttpOutput } from "../../writer/part-urls.js";
import { packingOfOutput } from "../pack-option.js";
import type { CommandName, Idle, Option, OutputForm } from "./option.js";
import type { OptionWords } from "./parse-values.js";
import { optionsOf, shortest } from "./table.js";

/**
 * Throws `BAD_OPTION` for options on the command line (`given`) that have no effect there, as the table of options says
 * it: who writes one would rely on it. A configuration file serves several commands and runs, so its options without an
 * effect are ignored.
 */
export function checkEffects(
  command: CommandName,
  words: OptionWords,
  files: readonly string[],
  given: readonly string[],
): void {
  const options = optionsOf(command);
  const present = [...options.values()].filter(({ name }) => words[name] !== undefined && words[name] !== false);
  checkAlternatives(present);
  // An empty list says "none of them".
  const used = present.filter((option) => !("empty" in option && /^,*$/.test(String(words[option.name]))));
  const conditions = new Set(used.flatMap(({ name }) => [name, `${name}=${String(words[name])}`]));
  const forms = formsOf(command, words, files);
  for (const option of used.filter(({ name }) => given.includes(name))) {
    checkAlone(option, used);
    checkAction(command, option, files[0]);
    for (const idle of option.idle ?? []) {
      const why = whyIdle(idle, command, conditions, forms);
      if (why !== undefined) throw withoutEffect(option, ...reasonOf(why, option, options));
    }
  }
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

/** Throws `BAD_OPTION` beside an option that leaves it nothing to do. */
function checkAlone(option: Option, used: readonly Option[]): void {
  const only = used.find(({ alone }) => alone !== undefined);
  if (only === undefined || only === option || only.alone?.includes(option.name) === true) return;
  throw withoutEffect(option, `beside ${shortest(only)}`, "Leave out one of them");
}

/** Throws `BAD_OPTION` for an option of other actions of the command. */
function checkAction(command: CommandName, option: Option, action = "list"): void {
  if (option.actions === undefined || option.actions.includes(action)) return;
  const where = option.actions.map((one) => `\`${command} ${one}\``).join(", ");
  throw withoutEffect(option, `here: it is an option of ${where}`, `Leave out ${shortest(option)}`);
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
      ...(packingOfOutput(isStdout ? undefined : output, pack) === undefined ? (["unpacked"] as const) : []),
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
  unpacked: "if the output is not packed",
};

/** What the error says after "has no effect", and the cure. */
function reasonOf(why: Why, option: Option, options: ReadonlyMap<string, Option>): readonly [string, string] {
  const named = (condition: string) => {
    const [name = "", value] = condition.split("=");
    return `${shortest(options.get(name) ?? { name })}${value === undefined ? "" : ` ${value}`}`;
  };
  const leave = `eave out ${shortest(option)}`;
  if ("beside" in why) return [`beside ${named(why.beside)}`, "Leave out one of them"];
  const others = why.without.map(named).join(" or ");
  const cure = others === "" ? `L${leave}` : `Add ${others}, or l${leave}`;
  if ("form" in why) return [FORMS[why.form], cure];
  return [`without ${others}`, cure];
}

function withoutEffect(option: Option, where: string, cure: string): DumpError {
  return new DumpError("BAD_OPTION", `${shortest(option)} has no effect ${where}`, { cure });
}
