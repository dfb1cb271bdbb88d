// Puts a counter into every branch of the bundled sources, and a check in front of every allocation, so that a campaign
// sees which inputs reach something new and which ask for too much memory.
import { parseAst } from "rolldown/parseAst";

/** Bytes per element of what is allocated by a count. */
const SIZES = {
  Uint8Array: 1,
  ArrayBuffer: 1,
  SharedArrayBuffer: 1,
  Uint16Array: 2,
  Uint32Array: 4,
  Int32Array: 4,
  Float64Array: 8,
  BigUint64Array: 8,
  Array: 8,
};

/** Instruments modules one after the other; counters are numbered through all of them. */
export class Instrumenter {
  counters = 0;
  /** Words and numbers that the sources compare with. */
  literals = new Set();

  /** The code with counters `$c[n]` and allocations `$a(count, size)`. */
  instrument(code) {
    return instrument(code, this);
  }
}

function instrument(code, totals) {
  const opens = [];
  const closes = [];
  const count = () => `$c[${totals.counters++}]++`;
  const wrap = (node, before, after) => {
    opens.push([node.start, before]);
    return () => closes.push([node.end, after]);
  };
  const visit = (node, parent, key) => {
    if (Array.isArray(node)) {
      for (const one of node) visit(one, parent, key);
      return;
    }
    if (node === null || typeof node !== "object" || typeof node.type !== "string") return;
    let close;
    if (node.type === "Literal") collect(totals.literals, node.value);
    if (isBranch(parent, key)) {
      if (node.type === "BlockStatement") opens.push([node.start + 1, `${count()};`]);
      else if (/Statement$/.test(node.type)) close = wrap(node, `{${count()};`, "}");
      else close = wrap(node, `(${count()},`, ")");
    } else if (node.type === "SwitchCase" && node.consequent.length > 0) {
      opens.push([node.consequent[0].start, `${count()};`]);
    }
    const size = node.type === "NewExpression" && node.arguments.length === 1 && SIZES[node.callee.name];
    if (size && node.arguments[0].type !== "SpreadElement") {
      opens.push([node.arguments[0].start, "$a("]);
      visit(node.arguments[0], node, "arguments");
      closes.push([node.arguments[0].end, `,${size})`]);
      close?.();
      return;
    }
    for (const name of Object.keys(node)) if (name !== "type" && name !== "parent") visit(node[name], node, name);
    close?.();
  };
  visit(parseAst(code, { lang: "js", sourceType: "module" }), null, "");
  const edits = [
    ...closes.map(([at, text], i) => ({ at, text, rank: i })),
    ...opens.map(([at, text], i) => ({ at, text, rank: closes.length + i })),
  ].sort((a, b) => a.at - b.at || a.rank - b.rank);
  const parts = [];
  let done = 0;
  for (const { at, text } of edits) {
    parts.push(code.slice(done, at), text);
    done = at;
  }
  parts.push(code.slice(done));
  return parts.join("");
}

function isBranch(parent, key) {
  if (parent === null) return false;
  switch (parent.type) {
    case "IfStatement":
    case "ConditionalExpression":
      return key === "consequent" || key === "alternate";
    case "LogicalExpression":
      return key === "right";
    case "ForStatement":
    case "ForOfStatement":
    case "ForInStatement":
    case "WhileStatement":
    case "DoWhileStatement":
    case "ArrowFunctionExpression":
    case "FunctionExpression":
    case "FunctionDeclaration":
    case "CatchClause":
      return key === "body";
    default:
      return false;
  }
}

/** Words and numbers that the sources compare with: what a random input would hardly hit. */
function collect(literals, value) {
  if (typeof value === "string" && value.length >= 3 && value.length <= 32 && !value.includes(" ")) literals.add(value);
  if (typeof value === "number" && Number.isInteger(value) && value > 16) literals.add(value);
  if (typeof value === "bigint" && value > 16n && value < 2n ** 64n) literals.add(value);
}
