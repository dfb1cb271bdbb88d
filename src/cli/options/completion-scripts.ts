import { COMMAND_NAMES, type CommandName, type Option } from "./option.js";
import { GENERAL_OPTIONS, optionsOf } from "./table.js";

export const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** Words that are arguments of commands, if these are not files. */
const WORDS: Readonly<Partial<Record<CommandName, readonly string[]>>> = {
  completion: SHELLS,
  help: [...COMMAND_NAMES, "input"],
  jobs: ["list", "watch", "cancel", "retry", "clean"],
};

/**
 * A script that completes commands, options, and the values of options. Without a command it completes those of a
 * filter run.
 */
export function completionScript(shell: Shell): string {
  return { bash, zsh, fish }[shell]();
}

/**
 * What may follow an option: words, several words with commas, a file, a folder, or something that only the user knows;
 * nothing after a flag.
 */
interface Value {
  readonly kind: "none" | "words" | "list" | "file" | "folder" | "other";
  readonly words: readonly string[];
}

function valueBehind(option: Option): Value {
  switch (option.kind) {
    case "flag":
      return { kind: "none", words: [] };
    case "choice":
      return { kind: "words", words: option.choices };
    case "list":
      return { kind: "list", words: option.choices };
    case "file":
    case "folder":
      return { kind: option.kind, words: [] };
    case "text":
      return option.suggested === undefined
        ? { kind: option.repeated === undefined ? "other" : "folder", words: [] }
        : { kind: "words", words: option.suggested };
    default:
      return { kind: "other", words: [] };
  }
}

const allOptions = (command: CommandName): readonly Option[] => [...optionsOf(command).values(), ...GENERAL_OPTIONS];
const namesOf = ({ name, letter }: Option) => [`--${name}`, ...(letter === undefined ? [] : [`-${letter}`])];
const longNames = (command: CommandName) =>
  allOptions(command)
    .map(({ name }) => `--${name}`)
    .sort()
    .join(" ");

/** One branch of `case` for each option of a command that has a value. `*` stands for a run without a command. */
function valueBranches(action: (value: Value) => string): string[] {
  return COMMAND_NAMES.flatMap((command) =>
    allOptions(command)
      .map((option) => ({ option, value: valueBehind(option) }))
      .filter(({ value }) => value.kind !== "none")
      .map(({ option, value }) => {
        const patterns = namesOf(option).map((name) => `${command}:${name}`);
        return `    ${patterns.join("|")}) ${action(value)} ;;`;
      }),
  );
}

const commandBranches = (line: (command: CommandName) => string) =>
  COMMAND_NAMES.map((command) => `    ${command}) ${line(command)} ;;`).join("\n");
const COMMANDS = COMMAND_NAMES.join(" ");

function bash(): string {
  const action = ({ kind, words }: Value) =>
    kind === "words"
      ? `words="${words.join(" ")}"`
      : kind === "list"
        ? `words="${words.join(" ")}" head=\${current%"\${current##*,}"}`
        : `compgen=${kind === "file" ? "-f" : kind === "folder" ? "-d" : "none"}`;
  return `# bash completion of coresieve
_coresieve() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  local command=\${COMP_WORDS[1]} words= compgen= head=
  case " ${COMMANDS} " in *" $command "*) ;; *) command=filter ;; esac
  # bash makes three words of --option=value.
  if [[ $current == = ]]; then current=
  elif [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  case "$command:$before" in
${valueBranches(action).join("\n")}
  esac
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -P "$head" -W "$words" -- "\${current##*,}")
  elif [[ $compgen == none ]]; then
    COMPREPLY=()
  elif [[ -n $compgen ]]; then
    mapfile -t COMPREPLY < <(compgen "$compgen" -- "$current")
  elif [[ $current == -* ]]; then
    case $command in
${commandBranches((command) => `words="${longNames(command)}"`)}
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  else
    case $command in
${commandBranches((command) => `words="${(WORDS[command] ?? []).join(" ")}"`)}
    esac
    ((COMP_CWORD == 1)) && words="${COMMANDS}"
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}
complete -o filenames -F _coresieve coresieve
`;
}

function zsh(): string {
  const action = ({ kind, words }: Value) =>
    kind === "words"
      ? `compadd -- ${words.join(" ")}; return`
      : kind === "list"
        ? `compset -P '*,'; compadd -q -S , -- ${words.join(" ")}; return`
        : kind === "file"
          ? "_files; return"
          : kind === "folder"
            ? "_files -/; return"
            : "return";
  return `#compdef coresieve
local command=\${words[2]}
local before=\${words[CURRENT-1]}
case $command in
${commandBranches(() => "")}
    *) command=filter ;;
esac
# --option=value is one word.
if [[ \${words[CURRENT]} == --*=* ]]; then
  before=\${\${words[CURRENT]}%%=*}
  compset -P '*='
fi
case "$command:$before" in
${valueBranches(action).join("\n")}
esac
if [[ \${words[CURRENT]} == -* ]]; then
  case $command in
${commandBranches((command) => `compadd -- ${longNames(command)}`)}
  esac
else
  ((CURRENT == 2)) && compadd -- ${COMMANDS}
  case $command in
${commandBranches((command) => (WORDS[command] === undefined ? "_files" : `compadd -- ${WORDS[command].join(" ")}`))}
  esac
fi
`;
}

function fish(): string {
  const action = ({ kind, words }: Value) =>
    kind === "none"
      ? ""
      : kind === "words" || kind === "list"
        ? ` -x -a "${words.join(" ")}"`
        : kind === "file"
          ? " -r -F"
          : kind === "folder"
            ? ' -x -a "(__fish_complete_directories)"'
            : " -x";
  const lines = (command: CommandName, when: string) =>
    allOptions(command).map((option) => {
      const letter = option.letter === undefined ? "" : ` -s ${option.letter}`;
      const what = option.help.replaceAll(/[\\']/g, "\\$&");
      return `complete -c coresieve -n ${when} -l ${option.name}${letter} -d '${what}'${action(valueBehind(option))}`;
    });
  const of = (command: CommandName) => `"__fish_seen_subcommand_from ${command}"`;
  return [
    "# fish completion of coresieve",
    `complete -c coresieve -n __fish_use_subcommand -a "${COMMANDS}"`,
    ...lines("filter", "__fish_use_subcommand"),
    ...COMMAND_NAMES.flatMap((command) => [
      ...(WORDS[command] === undefined
        ? []
        : [`complete -c coresieve -n ${of(command)} -x -a "${WORDS[command].join(" ")}"`]),
      ...lines(command, of(command)),
    ]),
    "",
  ].join("\n");
}
