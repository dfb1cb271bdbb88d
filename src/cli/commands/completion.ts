import { DumpError } from "../../errors.js";
import { nearestName, unknownName } from "../../nearest-name.js";
import { defineCommand } from "../command.js";
import { completionScript, SHELLS } from "../options/completion-scripts.js";
import { printOwn } from "../print.js";

/** `coresieve completion SHELL`: a script made from the commands and their options. */
export const completionCommand = defineCommand({
  name: "completion",
  about: {
    usage: "coresieve completion SHELL: print what completes commands and options",
    text: "SHELL is bash, zsh or fish.",
    examples: `Examples
  coresieve completion bash > /etc/bash_completion.d/coresieve
  coresieve completion zsh > "\${fpath[1]}/_coresieve"
  coresieve completion fish > ~/.config/fish/completions/coresieve.fish`,
  },
  run([word]) {
    const shell = SHELLS.find((one) => one === word);
    if (shell === undefined) {
      const cure = "Write `coresieve completion bash`, zsh or fish";
      if (word === undefined) throw new DumpError("BAD_OPTION", "no shell was named", { cure });
      throw unknownName("shell", word, nearestName(word, SHELLS), cure);
    }
    printOwn(completionScript(shell));
  },
});
