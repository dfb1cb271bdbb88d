import { DumpError } from "../../errors.js";
import { defineCommand } from "../command.js";
import { HELP } from "../help.js";
import { INPUT_TOPIC } from "../input-help.js";
import { printOwn } from "../print.js";

const TEXT = `coresieve help [COMMAND | input]: print the help of a command

  -v, --version            print the version
  -h, --help               print this text
`;

/** `coresieve help`: the help of all, of a command, or about inputs. */
export const helpCommand = defineCommand({
  help: TEXT,
  options: {},
  async run([topic], _values, { commands }) {
    if (topic === undefined) printOwn(HELP);
    else if (topic === "input") printOwn(INPUT_TOPIC);
    else {
      const command = await commands.load(topic);
      if (command === undefined) {
        throw new DumpError("BAD_OPTION", `there is no help about ${JSON.stringify(topic)}`, {
          cure: `There is about input, and the commands ${commands.names.join(", ")}`,
        });
      }
      printOwn(command.help);
    }
  },
});
