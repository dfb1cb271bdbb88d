/**
 * The shape of the house (ARCHITECTURE.md): imports go downwards, none goes round in a circle, no two modules export the same
 * name, and what is long or takes much says why at its top.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type SourceFile, sourceFiles } from "./source-files.js";

/** Folders of src/ from the top to the bottom. A module imports from its own row or from rows below. */
const ROWS: readonly (readonly string[])[] = [
  ["cli"],
  ["index.ts"],
  ["queue", "steps"],
  ["shard"],
  ["audit", "verify", "estimate", "manifest", "report", "bench", "library", "handover"],
  ["run"],
  ["writer", "worker"],
  ["filter"],
  ["kernel"],
  ["reader"],
  ["codec"],
  ["store"],
  [
    "errors.ts",
    "warnings.ts",
    "foreign-text.ts",
    "byte-size.ts",
    "readable-count.ts",
    "readable-time.ts",
    "surroundings.ts",
    "ending-threads.ts",
    "unfinished.ts",
    "nearest-name.ts",
    "option-shape.ts",
    "option-words.ts",
    "shown-address.ts",
    "program-files.ts",
    "package-version.ts",
    "only-given.ts",
    "page-record.ts",
    "sorted.ts",
    "long-work.ts",
  ],
];

const MOST_LINES = 400;
const MOST_FUNCTION_LINES = 100;
const MOST_PARAMETERS = 6;

const files = sourceFiles();
const byPath = new Map(files.map((file) => [file.path, file]));

const rowOf = (path: string) => ROWS.findIndex((row) => row.includes(path.split("/")[1] as string));

test("each folder of src/ has its row", () => {
  expect(files.length).toBeGreaterThan(300);
  expect(files.filter(({ path }) => rowOf(path) < 0).map(({ path }) => path)).toEqual([]);
});

test("imports go downwards only", () => {
  const upwards = files.flatMap(({ path, imports }) =>
    imports.filter((target) => rowOf(target) < rowOf(path)).map((target) => `${path} imports ${target}`),
  );
  expect(upwards).toEqual([]);
});

test("no imports go round in a circle", () => {
  expect(circles().map((circle) => circle.join(" "))).toEqual([]);
});

test("no two modules export the same name", () => {
  const places = new Map<string, string[]>();
  for (const { path, exports } of files) {
    // A type and a value of one name in one module are one thing.
    for (const name of new Set(exports)) places.set(name, [...(places.get(name) ?? []), path]);
  }
  expect(
    [...places].filter(([, paths]) => paths.length > 1).map(([name, paths]) => `${name}: ${paths.join(" ")}`),
  ).toEqual([]);
});

/** Who must be longer says why in the comment at its top, by the words "Long because". */
const says = ({ lines }: SourceFile) => /\bLong because\b/.test(lines.slice(0, 12).join("\n"));

test("long modules, long functions and many parameters say why", () => {
  const long = files
    .filter((file) => !says(file))
    .flatMap(({ path, lines, functions }) => [
      ...(lines.length > MOST_LINES ? [`${path}: ${lines.length} lines`] : []),
      ...functions
        .filter((one) => one.lines > MOST_FUNCTION_LINES || one.parameters > MOST_PARAMETERS)
        .map((one) => `${path}:${one.line} ${one.name}: ${one.lines} lines, ${one.parameters} parameters`),
    ]);
  expect(long).toEqual([]);
});

/** Groups of modules that import each other (Tarjan's strongly connected components). */
function circles(): readonly (readonly string[])[] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const visit = (path: string): void => {
    order.set(path, order.size);
    low.set(path, order.get(path) as number);
    stack.push(path);
    for (const target of byPath.get(path)?.imports ?? []) {
      if (!byPath.has(target)) continue;
      if (!order.has(target)) visit(target);
      else if (!stack.includes(target)) continue;
      low.set(path, Math.min(low.get(path) as number, low.get(target) as number));
    }
    if (low.get(path) !== order.get(path)) return;
    const group = stack.splice(stack.indexOf(path));
    if (group.length > 1) found.push(group);
  };
  for (const { path } of files) if (!order.has(path)) visit(path);
  return found;
}

test("the exit code is set where the program ends, and nowhere else", () => {
  const setting = files.filter(({ path }) => /process\.exitCode\s*=[^=]/.test(readFileSync(path, "utf8")));
  expect(setting.map(({ path }) => path)).toEqual(["src/cli/main.ts", "src/cli/makedumpfile.ts"]);
});
