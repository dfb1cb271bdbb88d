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
 * Text for any place in HTML, attributes in quotes too. Control characters but for tab and newline, and what turns the
 * direction of the text behind it, are written as \u and four digits: they could make a text look like another.
 */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] as string).replace(CONTROL, escapeUnit);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** JSON for a script element: nothing in it can end the element, or look like something else. */
export function jsonForScript(value: unknown): Html {
  return { html: JSON.stringify(value).replace(/[<>&]/g, escapeUnit).replace(CONTROL, escapeUnit) };
}

function escapeUnit(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Text of ours that goes into a script or style element as it is. Throws where it would end the element. */
export function rawElement(name: "script" | "style", text: string, attributes = ""): Html {
  if (text.toLowerCase().includes(`</${name}`) || text.includes("<!--")) throw new Error(`a ${name} that ends itself`);
  return { html: `<${name}${attributes}>${text}</${name}>` };
}
