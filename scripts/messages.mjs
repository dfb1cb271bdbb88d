// Writes docs/messages.md: every error and warning of src/ with its code, sentence and cure, by reading the source. What a message
// takes from the dump or the command line stands there as {name}. `node scripts/messages.mjs --check`: exit code 1 if the page is old.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAst } from "rolldown/parseAst";

const root = fileURLToPath(new URL("../", import.meta.url));
const page = join(root, "docs", "messages.md");

/** What messages call an option: src/option-words.ts. */
const optionWords = optionsOf(join(root, "src", "option-words.ts"));

/** Rows of errors and of warnings: { code, subcode, sentence, cure, file }. */
const errors = [];
const warnings = [];
for (const entry of readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (entry.isFile() && /\.ts$/.test(path) && !/\.as\.ts$|[\\/]browser[\\/]/.test(path)) collect(path);
}
const text = render();
if (process.argv.includes("--check")) {
  if (readFileSync(page, "utf8") !== text) {
    console.error("docs/messages.md is old: run `npm run messages`");
    process.exitCode = 1;
  }
} else writeFileSync(page, text);

function collect(path) {
  const source = readFileSync(path, "utf8");
  const tree = parseAst(source, { lang: "ts" });
  const file = relative(root, path).replaceAll("\\", "/");
  const scope = { source, constants: constantsOf(tree) };
  /** Functions that make an error of what they are given: their calls have the sentence. */
  const makers = new Map();
  walk(tree, [], (node, parents) => {
    if (node.type === "NewExpression" && node.callee.name === "DumpError") {
      const row = errorRow(node, scope, file);
      const maker = parents.findLast(({ type }) => type === "FunctionDeclaration");
      const parameter = maker?.params.findIndex((one) => nameOf(one) === node.arguments[1]?.name);
      if (node.arguments[1]?.type === "Identifier" && parameter !== undefined && parameter >= 0) {
        makers.set(maker.id.name, { row, parameter });
      } else errors.push(row);
    }
    if (
      node.type === "CallExpression" &&
      node.callee.property?.name === "add" &&
      /arnings$/.test(rest(node.callee.object, scope))
    ) {
      const [code, sentence] = node.arguments;
      if (code?.type === "Literal")
        warnings.push({ code: code.value, sentence: words(sentence, scope), cure: "", file });
    }
  });
  walk(tree, [], (node) => {
    const maker = node.type === "CallExpression" ? makers.get(node.callee.name) : undefined;
    const given = maker && node.arguments[maker.parameter];
    if (given) errors.push({ ...maker.row, sentence: words(given, scope) });
  });
}

function errorRow({ arguments: [code, reason, parts] }, scope, file) {
  const members = new Map((parts?.properties ?? []).map((one) => [one.key?.name, one.value]));
  return {
    code: code?.type === "Literal" ? code.value : words(code, scope),
    subcode: members.has("subcode") ? words(members.get("subcode"), scope) : "",
    sentence: reason === undefined ? "" : words(reason, scope),
    cure: members.has("cure") ? words(members.get("cure"), scope) : "",
    file,
  };
}

/** The text of an expression: what is only known at run time as {name}. */
function words(node, scope) {
  if (node.type === "Literal") return String(node.value);
  if (node.type === "TemplateLiteral") {
    return node.quasis
      .map(({ value }, i) => value.cooked + (i in node.expressions ? words(node.expressions[i], scope) : ""))
      .join("");
  }
  if (node.type === "ConditionalExpression") {
    const [yes, no] = [words(node.consequent, scope), words(node.alternate, scope)];
    return yes === "" || no === "" ? `[${yes}${no}]` : `${yes} | ${no}`;
  }
  const option =
    node.type === "MemberExpression" && node.object.name === "OPTION" && optionWords.get(node.property.name);
  if (option) return option.commandLine;
  const inOurWords = node.type === "CallExpression" ? wordsOfCall(node, scope) : undefined;
  if (inOurWords !== undefined) return inOurWords;
  if (node.type === "BinaryExpression" && node.operator === "+")
    return words(node.left, scope) + words(node.right, scope);
  // A helper that puts something in front: `ofFile(dump, "…")`.
  const said =
    node.type === "CallExpression" &&
    node.arguments.find(({ type }) => /^(TemplateLiteral|Literal|ConditionalExpression)$/.test(type));
  if (said && (said.type !== "Literal" || typeof said.value === "string") && node.callee.type === "Identifier")
    return `{file}: ${words(said, scope)}`;
  if (node.type === "LogicalExpression") return words(node.right, scope);
  if (node.type === "Identifier" && scope.constants.has(node.name)) return words(scope.constants.get(node.name), scope);
  if (node.type === "Identifier" && node.name === "undefined") return "";
  return `{${plainName(node, scope)}}`;
}

/** The functions of src/option-words.ts. */
function wordsOfCall({ callee, arguments: [first] }, scope) {
  if (callee.name === "either" || callee.name === "inWords") return words(first, scope);
  if (callee.name === "piped") return `\`${words(first, scope)} | coresieve - OUT\``;
  if (callee.name === "levelWords") return `--level ${words(first, scope)}`;
  return undefined;
}

function plainName(node, scope) {
  if (node.type === "Identifier") return node.name;
  if (node.type === "MemberExpression") return plainName(node.computed ? node.object : node.property, scope);
  if (node.type === "CallExpression") {
    const given = node.arguments.find((one) => one.type === "Identifier" || one.type === "MemberExpression");
    return given === undefined ? plainName(node.callee, scope) : plainName(given, scope);
  }
  if (node.type === "TSAsExpression" || node.type === "TSNonNullExpression") return plainName(node.expression, scope);
  return (
    rest(node, scope)
      .replaceAll(/[^\w]+/g, " ")
      .trim()
      .slice(0, 24) || "…"
  );
}

function rest(node, { source }) {
  return source.slice(node.start, node.end);
}
function nameOf(parameter) {
  return parameter.name ?? parameter.left?.name ?? parameter.argument?.name;
}

/** Texts that a module gives a name to. */
function constantsOf(tree) {
  const found = new Map();
  for (const statement of tree.body) {
    const declared = statement.declaration ?? statement;
    if (declared.type !== "VariableDeclaration") continue;
    for (const { id, init } of declared.declarations) {
      if (init?.type === "TemplateLiteral" || (init?.type === "Literal" && typeof init.value === "string"))
        found.set(id.name, init);
    }
  }
  return found;
}

/** By the names in `OPTION`: the command line's words and the library's. */
function optionsOf(path) {
  const found = new Map();
  walk(parseAst(readFileSync(path, "utf8"), { lang: "ts" }), [], (node) => {
    if (node.type !== "VariableDeclarator" || node.id.name !== "OPTION") return;
    for (const { key, value } of node.init.expression.properties) {
      const [commandLine, library] = value.arguments.map((one) => one.value);
      found.set(key.name, { commandLine, library });
    }
  });
  return found;
}

function walk(node, parents, visit) {
  if (node === null || typeof node !== "object") return;
  if (Array.isArray(node)) {
    for (const one of node) walk(one, parents, visit);
    return;
  }
  if (typeof node.type !== "string") return;
  visit(node, parents);
  for (const [key, value] of Object.entries(node)) if (key !== "type") walk(value, [...parents, node], visit);
}

function wordTable(cell) {
  const lines = [...optionWords.values()].map(
    ({ commandLine, library }) => `| ${cell(commandLine)} | ${cell(library)} |`,
  );
  return lines.sort().join("\n");
}

function render() {
  const cell = (one) => one.replaceAll("|", "\\|").replaceAll(/\s+/g, " ").replaceAll("<", "&lt;").trim();
  const table = (rows) => {
    const seen = new Set();
    const lines = rows
      .map(({ code, subcode, sentence, cure }) => [
        `\`${code}\`${subcode ? ` \`${subcode}\`` : ""}`,
        cell(sentence),
        cell(cure),
      ])
      .map((cells) => `| ${cells.join(" | ")} |`)
      .filter((line) => !seen.has(line) && seen.add(line));
    return lines.sort().join("\n");
  };
  return `# Messages

Made from the source by \`npm run messages\`; a test holds it against the code. \`{name}\` is what a message takes from the dump, the command
line or the system; \`[…]\` is there sometimes; \`a | b\` is one or the other.

## Errors

An error is one line: \`coresieve: FILE: SENTENCE. CURE\`. What the codes mean, and exit codes: [command-line.md](command-line.md#errors).

    $ coresieve vmcore /nowhere/out
    coresieve: /nowhere/out: cannot be created: there is no such folder (ENOENT). Name a file in a folder that exists and that you may write to

| code | sentence | cure |
|---|---|---|
${table(errors)}

## Warnings

A warning is one line: \`Warning: SENTENCE (COUNT) [CODE]\`; the run goes on, and with \`--strict\` it ends.

    Warning: vmcore: no VMCOREINFO gives the page size; it is assumed to be 4096 bytes [PAGE_SIZE_GUESSED]

| code | sentence | |
|---|---|---|
${table(warnings)}

## Options in messages

The tables above name options as the command line does. In messages of the library they are the library's:

| command line | library |
|---|---|
${wordTable(cell)}
| \`COMMAND \\| coresieve - OUT\` | give openInput the stdout of \`COMMAND\` |
`;
}
