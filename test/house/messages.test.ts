/**
 * Nobody parses a message (CONTRIBUTING.md): behaviour hangs on codes and parts of errors, and what a sentence needs of another
 * error is a part of that. Another program's text is read in one file each, which says why.
 */
import { readFileSync } from "node:fs";
import ts from "typescript";
import { expect, test } from "vitest";
import { sourceFiles } from "./source-files.js";

/** Who reads which text of another program, and why its codes do not do. */
const READS: Readonly<Record<string, string>> = {
  "src/errors.ts": "V8's errors of memory have no code",
  "src/option-words.ts":
    "it puts the words of whoever reads a message into it, and takes places out of what Node said: nothing hangs on it",
  "src/store/s3-errors.ts":
    "the SDK puts what Node said of JSON, which quotes it, into errors of its own: it is left out",
  "src/store/tls-problem.ts": "OpenSSL's reason stands only in the message where a write was under way",
  "src/reader/source/packed/unpack.ts": "zstd-napi's errors have no codes",
  "src/reader/source/packed/unpack-xz.ts": "the number of what xz-decompress found stands only in its message",
  "src/cli/command-line.ts": "what yargs finds wrong has no code",
  "src/cli/config-file.ts": "what V8 says of JSON may have several lines; they are made one",
  "src/queue/redis.ts": "Redis's codes are the first words of its messages",
};

/** Members that are sentences. */
const SENTENCES = new Set(["message", "summary", "reason", "why", "failedReason"]);

/** What takes a text apart, or looks into it. Cutting at a length is none of it. */
const PARSES = new Set([
  ...["replace", "replaceAll", "match", "matchAll", "search", "split"],
  ...["includes", "startsWith", "endsWith", "indexOf", "lastIndexOf"],
]);

/** Lines where a sentence is parsed: one taken from an error or warning, or a variable that was given one. */
function parsesOf(path: string, text: string): readonly string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const named = new Set<string>();
  const isSentence = (node: ts.Node): boolean =>
    (ts.isPropertyAccessExpression(node) && SENTENCES.has(node.name.text)) ||
    (ts.isIdentifier(node) && named.has(node.text)) ||
    (ts.isParenthesizedExpression(node) && isSentence(node.expression)) ||
    (ts.isBinaryExpression(node) && (isSentence(node.left) || isSentence(node.right))) ||
    (ts.isConditionalExpression(node) && (isSentence(node.whenTrue) || isSentence(node.whenFalse)));
  const isRead = (node: ts.Node): boolean => {
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false;
    const { name, expression } = node.expression;
    if (PARSES.has(name.text)) return isSentence(expression);
    return (name.text === "test" || name.text === "exec") && node.arguments.some(isSentence);
  };
  const name = (node: ts.Node): void => {
    if (
      ts.isVariableDeclaration(node) &&
      ts.isIdentifier(node.name) &&
      node.initializer &&
      isSentence(node.initializer)
    ) {
      named.add(node.name.text);
    }
    if (ts.isBindingElement(node) && ts.isIdentifier(node.name)) {
      const from = node.propertyName ?? node.name;
      if (ts.isIdentifier(from) && SENTENCES.has(from.text)) named.add(node.name.text);
    }
    ts.forEachChild(node, name);
  };
  name(source);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (isRead(node)) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${path}:${line + 1} ${node.getText().split("\n")[0]}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const parsed = sourceFiles().flatMap(({ path }) => parsesOf(path, readFileSync(path, "utf8")));

test("nobody parses a message", () => {
  expect(parsed.filter((one) => !((one.split(":")[0] as string) in READS))).toEqual([]);
});

test.each([
  "error.message.replace(/a/, '')",
  "/a/.test(error.message)",
  "const { message } = error; message.includes('a')",
  "const { summary: text } = error; text.split('. ')",
  "const text = error instanceof Error ? error.message : String(error); /a/.exec(text)",
  "(shard?.failedReason ?? '').endsWith('[CODE]')",
])("is seen: %s", (text) => {
  expect(parsesOf("a.ts", text)).toHaveLength(1);
});

test.each(["error.code.startsWith('E')", "error.message.slice(0, 300)", "String(error.message)", "/a/.test(line)"])(
  "is none: %s",
  (text) => {
    expect(parsesOf("a.ts", text)).toEqual([]);
  },
);
