import { foreignLines, shownJson } from "../foreign-text.js";

/** A piece of HTML that is safe to put into a page. Only `html` makes it. */
export interface Html {
  readonly html: string;
}

type Value = Html | string | number | readonly Html[];

/** Makes HTML from a template: values are escaped, unless they are `Html` themselves. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  let text = strings[0] as string;
  for (const [i, value] of values.entries()) text += htmlOf(value) + (strings[i + 1] as string);
  return { html: text };
}

/** Empty HTML. */
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
 * Text for any place in HTML, including quoted attributes. Of the control characters (foreign-text.ts) only tab and
 * newline are kept: others could make a text look like another one.
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

/** Text of this program that goes unchanged into a script or style element. Throws if it would end the element. */
export function rawElement(name: "script" | "style", text: string, attributes = ""): Html {
  if (text.toLowerCase().includes(`</${name}`) || text.includes("<!--")) throw new Error(`a ${name} that ends itself`);
  return { html: `<${name}${attributes}>${text}</${name}>` };
}
