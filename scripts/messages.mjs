// Writes docs/messages.md: every code, error and warning of src/ with its sentence and cure, by reading the source. What a message takes from
// the dump or the command line stands there in words. `node scripts/messages.mjs --check`: exit code 1 if the page is old.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  apart,
  boundTo,
  functionAround,
  moduleOf,
  nameOfFunction,
  parameterName,
  placeOf,
  resolved,
  textsOf,
  walk,
} from "./messages-text.mjs";
import { exampleOf, isRelayed, wordsOf } from "./messages-words.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const page = join(root, "docs", "messages.md");

/** What messages call an option: src/option-words.ts. */
const options = optionsOf(join(root, "src", "option-words.ts"));

const modules = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((path) => !/\.as\.ts$|[\\/]browser[\\/]/.test(path))
  .sort()
  .map(moduleOf);

/** More cures of one sentence than these are for the message itself to say. */
const MOST_CURES = 3;
/** Between cures of one sentence, and for those that are not listed. */
const OR = " — or: ";
const MORE = "…";
/** Parameters that are (parts of) sentences. */
const TEXTS =
  /^(what|why|problem|found|expected|reason|cure|must|missing|said|code|sentence|parts|details|message|whose|how)$/;
const isKey = (node) => node.parent.type === "Property" && node.parent.key === node && !node.parent.shorthand;
const namesOf = (parameter) =>
  (parameter.left ?? parameter).type === "ObjectPattern"
    ? (parameter.left ?? parameter).properties.map(({ value }) => value?.name ?? value?.left?.name)
    : [parameterName(parameter)];

const OTHER = "What a server or a store answers";
const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** Rows of errors and of warnings: { code, subcode, sentence, cure }. */
const errors = [];
const warnings = [];
/** Places of cures of which no word is found. */
const unread = [];
for (const module of modules) {
  walk(module.tree, (node) => {
    if (node.type === "Property" && node.key.name === "cure" && isUnread(node.value, placeOf(module)))
      unread.push(`${module.path}: ${module.source.slice(node.start, node.end)}`);
    if (node.type === "NewExpression" && node.callee.name === "DumpError") {
      for (const place of placesOf(node, module).flatMap((one) => apart(node, one)))
        errors.push(...errorRows(node, place));
    }
    if (
      node.type === "CallExpression" &&
      ["add", "remark"].includes(node.callee.property?.name) &&
      isWarnings(node.callee.object, module)
    ) {
      for (const place of placesOf(node, module)) warnings.push(...warningRows(node, place));
    }
  });
}

const text = render();
if (unread.length > 0) {
  console.error(`cures that are not found; write them as templates:\n${unread.join("\n")}`);
  process.exitCode = 1;
}
if (process.argv.includes("--check")) {
  if (readFileSync(page, "utf8") !== text) {
    console.error("docs/messages.md is old: run `npm run messages`");
    process.exitCode = 1;
  }
} else writeFileSync(page, text);

function isWarnings(node, { source }) {
  return /arnings$/.test(source.slice(node.start, node.end));
}

/** A call for each of the callers of the function around it, if they say what it says; else itself. */
function placesOf(node, module, deep = 0) {
  const fn = functionAround(node);
  const name = fn && nameOfFunction(fn);
  if (!name || deep > 3) return [placeOf(module)];
  const given = new Set(fn.params.flatMap(namesOf));
  let says = false;
  for (const argument of node.arguments)
    walk(argument, (one) => {
      if (one.type === "Identifier" && given.has(one.name) && TEXTS.test(one.name) && !isKey(one)) says = true;
    });
  if (!says) return [placeOf(module)];
  const places = callersOf(name, fn, module).flatMap(({ call, from }) =>
    placesOf(call, from, deep + 1)
      .flatMap((one) => apart(call, one))
      .map((place) => placeOf(module, boundTo(fn, call.arguments, place))),
  );
  return places.length === 0 ? [placeOf(module)] : places;
}

function callersOf(name, fn, module) {
  const found = [];
  for (const from of modules) {
    const imported = from.imports.get(name);
    if (from !== module && (imported?.from !== module.path || imported.name !== name)) continue;
    walk(from.tree, (node) => {
      if (node.type !== "CallExpression") return;
      const called = node.callee.type === "Identifier" ? node.callee.name : node.callee.property?.name;
      const around = functionAround(node);
      if (called === name && around !== fn) found.push({ call: node, from });
    });
  }
  return found;
}

function errorRows({ arguments: [code, reason, parts] }, place) {
  const objects = parts ? resolved(parts, place).filter(({ node }) => node.type === "ObjectExpression") : [];
  const part = (name) => {
    for (const object of objects) {
      const own = object.node.properties.find((one) => one.key?.name === name);
      if (own) return textsOf(own.value, object.place, options);
      for (const spread of object.node.properties.filter(({ type }) => type === "SpreadElement")) {
        for (const one of resolved(spread.argument, object.place)) {
          const value = one.node.properties?.find(({ key }) => key?.name === name)?.value;
          if (value) return textsOf(value, one.place, options);
        }
      }
    }
    return [""];
  };
  const cures = part("cure").filter((one) => !isRelayed(one));
  const cure = [...cures.slice(0, MOST_CURES), ...(cures.length > MOST_CURES ? [MORE] : [])].join(OR);
  return textsOf(code, place, options).flatMap((one) =>
    textsOf(reason, place, options).flatMap((sentence) =>
      part("why").map((why) => ({
        code: one,
        // A name that stands for one is not the reader's.
        subcode: part("subcode").find((one) => /^[A-Z_]+$/.test(one)),
        sentence: why === "" ? sentence : `${sentence}: ${why}`,
        cure,
      })),
    ),
  );
}

/** Whether an expression puts texts together of which no word is found: then its message would be listed without it. */
function isUnread(expression, place) {
  const sums = resolved(expression, place).filter(({ node }) => node.type === "BinaryExpression");
  return sums.some((one) => textsOf(one.node, one.place, options).every(isRelayed));
}

function warningRows({ arguments: [code, what] }, place) {
  const parts = resolved(what, place).flatMap(({ node, place: there }) => {
    const reason = node.type === "ObjectExpression" && node.properties.find((one) => one.key?.name === "reason")?.value;
    return textsOf(reason || node, there, options);
  });
  return textsOf(code, place, options).flatMap((one) =>
    [...new Set(parts)].map((sentence) => ({ code: one, sentence })),
  );
}

/** By the names in `OPTION`: the command line's words and the library's. */
function optionsOf(path) {
  const found = new Map();
  walk(moduleOf(path).tree, (node) => {
    if (node.type !== "VariableDeclarator" || node.id.name !== "OPTION") return;
    for (const { key, value } of node.init.expression.properties) {
      const [commandLine, library] = value.arguments.map((one) => one.value);
      found.set(key.name, { commandLine, library });
    }
  });
  return found;
}

/** The table in the description of a type, of `src/NAME`: rows of cells. */
function describedIn(name) {
  const source = readFileSync(join(root, "src", name), "utf8");
  return [...source.slice(0, source.indexOf("*/")).matchAll(/^ \* \| (`.*)\|$/gm)].map(([, row]) =>
    row.split("|").map((one) => one.trim()),
  );
}

function cell(one) {
  return one.replaceAll("|", "\\|").replaceAll(/\s+/g, " ").replaceAll("<", "&lt;").trim();
}

/** A heading for each code with what it means, an example (of test/cli/first-errors.test.ts, or put together), and its sentences: those with the same cure together. */
function sections(described, rows, exampleFor) {
  const codes = [...new Set(described.map(([code]) => code))];
  const known = new Set(codes.map((code) => code.replaceAll("`", "")));
  const own = rows.filter(({ sentence }) => !isRelayed(sentence));
  const of = (code) => own.filter((row) => (known.has(row.code) ? `\`${row.code}\`` === code : code === OTHER));
  return [...codes, OTHER]
    .map((code) => {
      const meaning = described
        .filter(([one]) => one === code)
        .map(([, when, then]) => `${capital(when)}.${then ? ` ${capital(then)}.` : ""}`);
      const said = of(code);
      if (said.length === 0 && meaning.length === 0) return "";
      const real = join(root, "test/cli/errors", `${code.replaceAll("`", "")}.txt`);
      const shown = said.find(({ cure, sentence }) => cure && wordsOf(sentence).includes("*")) ?? said[0];
      const words = existsSync(real) ? readFileSync(real, "utf8").trim() : shown && exampleFor(shown);
      const example = words === undefined ? [] : [`> ${wordsOf(words)}`];
      return `${[`### ${code.replaceAll("`", "")}`, ...meaning, ...example, ...groups(said)].join("\n\n")}\n`;
    })
    .filter((section) => section !== "")
    .join("\n");
}

/** Lists of sentences, each below what to do about them. */
function groups(rows) {
  const byCure = new Map();
  const cures = new Map();
  for (const { sentence, subcode, cure = "" } of rows) {
    const words = `${line(wordsOf(sentence))}${subcode ? ` (\`${subcode}\`)` : ""}`;
    cures.set(words, (cures.get(words) ?? new Set()).add(line(wordsOf(cure))));
  }
  for (const [sentence, several] of cures) {
    const all = [...new Set([...several].flatMap((one) => one.split(OR)))].filter((one) => one !== "");
    const known = all.filter((one) => one !== MORE);
    const cure = [...known.map((one) => `**${one}**`), ...(all.includes(MORE) ? ["by the cause"] : [])].join(", or ");
    byCure.set(cure, [...(byCure.get(cure) ?? []), sentence]);
  }
  return [...byCure]
    .sort(([a], [b]) => (a === "" || (b !== "" && a > b) ? 1 : -1))
    .map(([cure, sentences]) => `${cure === "" ? "" : `${cure}\n\n`}${readOrWritten(sentences).join("\n")}`);
}

/** Items of a list. Sentences of reading and of writing that are otherwise the same are one. */
function readOrWritten(sentences) {
  const all = new Set(sentences);
  const other = (one) => one.replace(/^cannot be written:/, "cannot be read:");
  return sentences
    .filter((one) => other(one) === one || !all.has(other(one)))
    .map((one) => {
      const both = all.has(one.replace(/^cannot be read:/, "cannot be written:")) && one.startsWith("cannot be read:");
      return `- ${both ? one.replace(/^cannot be read:/, "cannot be read (or written):") : one}`;
    })
    .sort();
}

/** In one line. */
function line(text) {
  return text.replaceAll(/\s+/g, " ").trim();
}

function render() {
  const said = (text) => exampleOf(text).replaceAll(/\s+/g, " ");
  const error = ({ sentence, cure }) =>
    `coresieve: vmcore: ${said(sentence)}${cure ? `. ${said(cure.split(OR)[0])}` : ""}`;
  const warning = ({ code, sentence }) =>
    `coresieve: warning: vmcore: ${said(sentence).replace(/^vmcore: /, "")} [${code}]`;
  const names = [...options.values()].map(({ commandLine, library }) => `| ${cell(commandLine)} | ${cell(library)} |`);
  return `# Messages

Made from the source by \`npm run messages\`; a test holds it against the code. What stands in *italics* comes from the dump, the command line or
the system. Below each code is an example; then all its sentences, those with the same cures (**bold**) together.

An error is one line: \`coresieve: FILE: WHAT. WHAT TO DO\`. Exit codes: [command-line.md](command-line.md#exit-codes).

A warning is one line, too: \`coresieve: warning: FILE: WHAT (COUNT) [CODE]\`. The run goes on, and with \`--strict\` it ends. Warnings that keep more pages than the level asks for are
\`MEM_MAP_UNREADABLE\`, \`FREE_ORDER\`, \`FREE_LISTS\`, \`SELF_CHECK\`, \`FACT_MISSING\`, \`NODE_OVERLAP\`, \`BAD_SECTION\` and \`NO_KERNEL_VIEW\`: if you filter for privacy, use \`--strict\`.

## Errors

${sections(describedIn("errors.ts"), errors, error)}
## Warnings

${sections(describedIn("warnings.ts"), warnings, warning)}
## Options in messages

The lists above name options as the command line does. In messages of the library they are the library's:

| command line | library |
|---|---|
${names.sort().join("\n")}
| \`COMMAND \\| coresieve - OUT\` | give openInput the stdout of \`COMMAND\` |
`;
}
