import { DumpError } from "../errors.js";
import type { CommandName } from "./options/option.js";

/** Words that people try before they have read the help, by the command that they mean. None of them is a command. */
const OTHER_WORDS: Readonly<Partial<Record<CommandName, readonly string[]>>> = {
  filter: ["shrink", "compress", "reduce", "minimize", "convert", "makedumpfile"],
  handover: ["hand-over", "handoff", "share", "anonymize", "redact", "sanitize", "privacy"],
  info: ["crash", "why", "what", "identify", "inspect", "show", "stat", "file"],
  dmesg: ["log", "logs", "messages"],
  verify: ["check", "test", "validate", "compare", "diff"],
  estimate: ["size", "sizes"],
  report: ["picture", "html", "view"],
  reassemble: ["merge", "join"],
};

/** The command that a word means. */
export function commandMeant(word: string): CommandName | undefined {
  const names = Object.keys(OTHER_WORDS) as CommandName[];
  return names.find((name) => OTHER_WORDS[name]?.includes(word));
}

/** The error for such a word in the place of a command. */
export function otherWord(kind: string, word: string, meant: CommandName): DumpError {
  const how = meant === "filter" ? "`coresieve DUMP OUT` shrinks a dump" : `Did you mean "${meant}"?`;
  return new DumpError("BAD_OPTION", `unknown ${kind} ${JSON.stringify(word)}`, {
    cure: `${how}${meant === "filter" ? ";" : ""} \`coresieve --help\` lists the commands`,
  });
}
