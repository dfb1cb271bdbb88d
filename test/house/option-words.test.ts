/**
 * A message of the library names what its reader can give: no literal of what the library does has an option of the command line, but where
 * both are named (src/option-words.ts).
 */
import { readFileSync } from "node:fs";
import ts from "typescript";
import { expect, test } from "vitest";
import { COMMAND_NAMES } from "../../src/cli/options/option.js";
import { optionsOf } from "../../src/cli/options/table.js";
import { sourceFiles } from "./source-files.js";

/** What only the command line and its commands of their own have. */
const COMMAND_LINE = /^src\/(cli|steps|bench|shard)\/|^src\/option-words\.ts$/;

/** Literals that name options of commands which the library does not have, or another program's. */
const RIGHT: Readonly<Record<string, string>> = {
  "src/manifest/signature.ts": "`--sign` is how a signature is made",
  "src/manifest/read-manifest.ts": "`--manifest` is how a manifest is made",
  "src/verify/verify-signed.ts": "`coresieve audit --result` is how an audit's result is made",
  "src/run/plan-dump.ts": "`coresieve info --salvage` is a command to run",
  "src/queue/metrics.ts": "a worker's option",
  "src/queue/load-bullmq.ts": "a worker's option",
  "src/store/upload.ts": "`coresieve uploads --abort` is a command to run",
  "src/handover/page.ts": "`coresieve verify` is what the receiver of a dump runs",
  "src/reader/live/libvirt-guest.ts": "options of virsh",
  "src/report/sections.ts": "a report of `--report`",
};

const NAMES = new Set(COMMAND_NAMES.flatMap((command) => [...optionsOf(command).keys()]));

/** Options of ours in the literals of a text, but for those in the calls that have both. */
function optionsNamed(path: string, text: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(either|piped?)$/.test(node.expression.getText())) return;
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
    for (const [, name = "", letter = ""] of isText
      ? node.text.matchAll(/(?<![\w-])--([a-z][a-z-]+)|\((-[a-zA-Z])[ ),]/g)
      : []) {
      if (NAMES.has(name) || letter !== "") found.push(`${path}: ${letter || `--${name}`}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return found;
}

test("messages of the library name its own options", () => {
  const named = sourceFiles()
    .filter(({ path }) => !COMMAND_LINE.test(path) && !(path in RIGHT))
    .flatMap(({ path }) => optionsNamed(path, readFileSync(path, "utf8")));
  expect(named).toEqual([]);
});

test("what is seen", () => {
  expect(optionsNamed("a.ts", 'const a = "use --salvage for that";')).toEqual(["a.ts: --salvage"]);
  const template = ["const a = `its vmlinux (-x FILE) $", "{b} or --raw`;"].join("");
  expect(optionsNamed("a.ts", template)).toEqual(["a.ts: -x", "a.ts: --raw"]);
  expect(
    optionsNamed("a.ts", 'const a = either("--salvage", "`salvage: true`"); const b = "zstd -d --long=31";'),
  ).toEqual([]);
});
