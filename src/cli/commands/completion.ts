import { DumpError } from "../../errors.js";
import { type Command, defineCommand } from "../command.js";
import { printOwn } from "../print.js";

const HELP = `coresieve completion SHELL: print what completes commands and options

SHELL is bash, zsh or fish.

  -v, --version            print the version
  -h, --help               print this text

Examples
  coresieve completion bash > /etc/bash_completion.d/coresieve
  coresieve completion zsh > "\${fpath[1]}/_coresieve"
  coresieve completion fish > ~/.config/fish/completions/coresieve.fish
`;

/** `coresieve completion SHELL`: a script made from the commands and their options. */
export const completionCommand = defineCommand({
  help: HELP,
  options: {},
  async run([shell], _values, { commands: table }) {
    const script = shell !== undefined && Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
    if (script === undefined) {
      throw new DumpError("BAD_OPTION", `${shell === undefined ? "no shell was named" : `${shell} is not known`}`, {
        cure: "Write `coresieve completion bash`, zsh or fish",
      });
    }
    const commands = await Promise.all(
      table.names.map(async (name) => ({ name, options: optionsOf((await table.load(name)) as Command) })),
    );
    printOwn(script(commands));
  },
});

interface Words {
  readonly name: string;
  readonly options: readonly string[];
}

function optionsOf({ options }: Command): string[] {
  return [...Object.keys(options), "config", "help", "version"].map((name) => `--${name}`).sort();
}

/** Words that are no options are files, which every shell completes by itself. A run without a command filters. */
const SCRIPTS: Readonly<Record<string, (commands: readonly Words[]) => string>> = {
  bash: (commands) => `# bash completion of coresieve
_coresieve() {
  local current=\${COMP_WORDS[COMP_CWORD]} options
  case \${COMP_WORDS[1]} in
${commands.map(({ name, options }) => `    ${name}) options="${options.join(" ")}" ;;`).join("\n")}
    *) options="${filterOptions(commands).join(" ")}" ;;
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    if ((COMP_CWORD == 1)); then
      mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "${names(commands)}" -- "$current")
    fi
  fi
}
complete -o filenames -F _coresieve coresieve
`,
  zsh: (commands) => `#compdef coresieve
local -a options
case \${words[2]} in
${commands.map(({ name, options }) => `  ${name}) options=(${options.join(" ")}) ;;`).join("\n")}
  *) options=(${filterOptions(commands).join(" ")}) ;;
esac
if [[ \${words[CURRENT]} == -* ]]; then
  compadd -- $options
else
  ((CURRENT == 2)) && compadd -- ${names(commands)}
  _files
fi
`,
  fish: (commands) =>
    [
      "# fish completion of coresieve",
      `complete -c coresieve -n __fish_use_subcommand -a "${names(commands)}"`,
      ...filterOptions(commands).map(
        (option) => `complete -c coresieve -n __fish_use_subcommand -l ${option.slice(2)}`,
      ),
      ...commands.flatMap(({ name, options }) =>
        options.map((option) => `complete -c coresieve -n "__fish_seen_subcommand_from ${name}" -l ${option.slice(2)}`),
      ),
      "",
    ].join("\n"),
};

const names = (commands: readonly Words[]) => commands.map(({ name }) => name).join(" ");
const filterOptions = (commands: readonly Words[]) => commands.find(({ name }) => name === "filter")?.options ?? [];
