import { nearestName, unknownName } from "../../nearest-name.js";
import { defineCommand } from "../command.js";
import { commandHelp, HELP, INPUT_TOPIC } from "../help.js";
import { commandMeant, otherWord } from "../other-words.js";
import { printOwn } from "../print.js";

/** `coresieve help`: the general help, that of a command, or that about inputs. */
export const helpCommand = defineCommand({
  name: "help",
  about: {
    usage: "coresieve help [COMMAND | input]: print the help of a command",
  },
  async run([topic], _values, { commands }) {
    if (topic === undefined) printOwn(HELP);
    else if (topic === "input") printOwn(INPUT_TOPIC);
    else {
      const command = await commands.load(topic);
      if (command === undefined) {
        const other = commandMeant(topic);
        if (other !== undefined) throw otherWord("topic of help", topic, other);
        const meant = nearestName(topic, [...commands.names, "input"]);
        const cure = `There is help about input, and the commands ${commands.names.join(", ")}`;
        throw unknownName("topic of help", topic, meant, cure);
      }
      printOwn(commandHelp(command));
    }
  },
});
