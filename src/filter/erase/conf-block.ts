import { DumpError } from "../../errors.js";
import { type EraseRule, type Loop, MAX_SIZE, type Place } from "./erase-rule.js";
import type { LineScanner } from "./line-scanner.js";

/** makedumpfile.conf(5): at most this many characters of a text behind a `char *`. */
const CONF_MAX_TEXT = 1024;
const CURE = "makedumpfile.conf(5) shows how these lines are written";

interface Base {
  readonly line: number;
  readonly text: string;
  readonly optional: boolean;
}

/** The lines of makedumpfile.conf(5): sections, `erase`, `for … endfor`. */
export class ConfBlock {
  #loop: { readonly id: string; readonly loop: Loop; readonly line: number; rules: number } | undefined;

  constructor(private readonly file: string) {}

  /** Whether a loop has begun: other rules are not allowed in it. */
  get open(): boolean {
    return this.#loop !== undefined;
  }

  /** The rules of a line; `undefined` if it is not a line of makedumpfile.conf(5). */
  take(scanner: LineScanner, base: Base): readonly EraseRule[] | undefined {
    if (scanner.sign("[")) return this.#section(scanner, base);
    if (scanner.word("for")) return this.#begin(scanner, base);
    if (scanner.word("endfor")) return this.#endLoop(scanner);
    if (scanner.word("erase")) return [this.#erase(scanner, base)];
    if (this.#loop !== undefined) throw scanner.expected("erase or endfor", CURE);
    return undefined;
  }

  /** To be called at the end of the file. */
  end(): void {
    if (this.#loop === undefined) return;
    throw new DumpError("BAD_OPTION", "found the end of the file, expected endfor", {
      file: `${this.file}:${this.#loop.line}`,
      cure: CURE,
    });
  }

  #section(scanner: LineScanner, { line }: Base): readonly EraseRule[] {
    if (this.#loop !== undefined) throw scanner.expected("endfor before the next section", CURE);
    const name = scanner.name("vmlinux");
    if (!scanner.sign("]")) throw scanner.expected("]", CURE);
    if (name !== "vmlinux") {
      throw new DumpError(
        "BAD_OPTION",
        `found the section [${name}]: coresieve looks up symbols of the kernel ([vmlinux]) only, not of modules`,
        {
          file: `${this.file}:${line}`,
          cure: "Name something in the kernel that leads to the module's data (a list, a slab cache), or remove the section",
        },
      );
    }
    return [];
  }

  #begin(scanner: LineScanner, { line }: Base): readonly EraseRule[] {
    if (this.#loop !== undefined) throw scanner.expected("erase or endfor: loops do not nest", CURE);
    const id = scanner.name("the name of the loop's variable");
    if (!scanner.word("in")) throw scanner.expected("in", CURE);
    const place = scanner.place("an array, a struct or the head of a list");
    this.#loop = { id, loop: loopOver(scanner, place), line, rules: 0 };
    return [];
  }

  #endLoop(scanner: LineScanner): readonly EraseRule[] {
    if (this.#loop === undefined) throw scanner.expected("for before endfor", CURE);
    if (this.#loop.rules === 0) throw scanner.expected("erase before endfor", CURE);
    this.#loop = undefined;
    return [];
  }

  #erase(scanner: LineScanner, base: Base): EraseRule {
    const written = scanner.place("a symbol");
    const loop = this.#loop?.id === written.root ? this.#loop?.loop : undefined;
    if (this.#loop !== undefined) this.#loop.rules++;
    const nullify = scanner.word("nullify");
    const size = !nullify && scanner.word("size") ? this.#size(scanner) : undefined;
    const place = this.#inLoop(written);
    return {
      ...base,
      name: written.text,
      target: { kind: "place", place, loop, where: undefined, size, nullify, maxText: CONF_MAX_TEXT },
    };
  }

  #size(scanner: LineScanner): number | Place {
    return scanner.atNumber ? scanner.size(MAX_SIZE) : this.#inLoop(scanner.place("a number, or a symbol that has it"));
  }

  #inLoop(place: Place): Place {
    return this.#loop !== undefined && this.#loop.id === place.root ? { ...place, root: undefined } : place;
  }
}

function loopOver(scanner: LineScanner, place: Place): Loop {
  if (scanner.word("via")) {
    return {
      kind: "chain",
      first: place,
      type: undefined,
      through: scanner.name("the member that points to the next"),
    };
  }
  if (scanner.word("within")) {
    const type = scanner.name("the type of the list's structs");
    if (!scanner.sign(":")) throw scanner.expected(":", CURE);
    return { kind: "list", head: place, type, through: scanner.place("the member that is in the list").text };
  }
  return { kind: "array", place };
}
