import { foreignLines, shownJson } from "../foreign-text.js";

/** A piece of HTML that is safe to put into a page. Only `html` makes them. */
export interface Html {
  readonly html: string;
}

type Value = Html | string | number | readonly Html[];

/** Makes HTML of a template: what is put into it is escaped, unless it is `Html` itself. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  let text = strings[0] as string;
  for (const [i, value] of values.entries()) text += htmlOf(value) + (strings[i + 1] as string);
  return { html: text };
}

/** What is nothing at all. */
export const NOTHING: Html = { html: "" };

function htmlOf(value: Value): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return escapeText(value);
  return "html" in value ? value.html : value.map((one) => one.html).join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Text for any place in HTML, attributes in quotes too. Of characters that steer (foreign-text.ts) only
 * tab and newline stay: the others could make a text look like another.
 */
export function escapeText(text: string): string {
  return foreignLines(text).replace(/[&<>"']/g, (char) => ENTITIES[char] as string);
}

/** JSON for a script element: nothing in it can end the element, or look like something else. */
export function jsonForScript(value: unknown): Html {
  return { html: shownJson(value).replace(/[<>&]/g, escapeUnit) };
}

function escapeUnit(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Text of ours that goes into a script or style element as it is. Throws where it would end the element. */
export function rawElement(name: "script" | "style", text: string, attributes = ""): Html {
  if (text.toLowerCase().includes(`</${name}`) || text.includes("<!--")) throw new Error(`a ${name} that ends itself`);
  return { html: `<${name}${attributes}>${text}</${name}>` };
}
