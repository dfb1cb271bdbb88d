// What a message of the source says: an expression's texts, as far as reading the source can find them. What is known at run time only
// stands in them as a name between the two marks below.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseAst } from "rolldown/parseAst";

/** Around names of what is known at run time only: no text of the source has them. */
export const [OPEN, CLOSE] = ["\u0001", "\u0002"];
const UNKNOWN = new RegExp(`^${OPEN}[^${CLOSE}]*${CLOSE}$`);

/** More texts than these of one expression are one name. */
const MOST_TEXTS = 9;
/** Functions within functions that are followed. */
const MOST_DEEP = 8;

const modules = new Map();

/** A parsed file, with what it declares and where its names come from. Nodes know their parents. */
export function moduleOf(path) {
  if (modules.has(path)) return modules.get(path);
  const source = readFileSync(path, "utf8");
  const tree = parseAst(source, { lang: "ts" });
  const module = { path, source, tree, values: new Map(), imports: new Map() };
  modules.set(path, module);
  parented(tree, null);
  for (const statement of tree.body) {
    if (statement.type === "ImportDeclaration" && statement.source.value.startsWith(".")) {
      const from = join(dirname(path), statement.source.value.replace(/\.js$/, ".ts"));
      for (const one of statement.specifiers)
        if (one.imported) module.imports.set(one.local.name, { from, name: one.imported.name });
      continue;
    }
    const declared = statement.declaration ?? statement;
    if (declared.type === "FunctionDeclaration") module.values.set(declared.id.name, declared);
    for (const { id, init } of declared.declarations ?? []) if (init) module.values.set(id.name, init);
  }
  return module;
}

function parented(node, parent) {
  if (Array.isArray(node)) for (const one of node) parented(one, parent);
  else if (typeof node?.type === "string") {
    node.parent = parent;
    for (const [key, value] of Object.entries(node)) if (key !== "parent") parented(value, node);
  }
}

export function walk(node, visit) {
  if (Array.isArray(node)) for (const one of node) walk(one, visit);
  else if (typeof node?.type === "string") {
    visit(node);
    for (const [key, value] of Object.entries(node)) if (key !== "parent") walk(value, visit);
  }
}

const isFunction = (node) => /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node?.type);

/** The function around a node. */
export function functionAround(node) {
  let one = node.parent;
  while (one !== null && !isFunction(one)) one = one.parent;
  return one;
}

/** What a function is called by: of its declaration, its constant, its method. */
export function nameOfFunction(fn) {
  return fn.id?.name ?? (fn.parent.type === "VariableDeclarator" ? fn.parent.id.name : fn.parent.key?.name);
}

export const parameterName = (parameter) => parameter.name ?? parameter.left?.name ?? parameter.argument?.name;

/** A place of the source with what is known of parameters there: `bound` has expressions and their places by name. */
export const placeOf = (module, bound = new Map(), deep = 0) => ({ module, bound, deep });

/** The expressions that a name stands for at a node, each with its place; none if that is known at run time only. */
function meanings(name, node, place) {
  const { module, bound, deep } = place;
  if (bound.has(name)) return [bound.get(name)];
  if (deep > MOST_DEEP) return [];
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) {
    if (fn.params.some((one) => parameterName(one) === name)) return [];
    const found = localsOf(fn, name);
    if (found.length > 0) return found.flatMap((one) => valuesOf(one, { ...place, deep: deep + 1 }));
  }
  if (module.values.has(name)) return [{ node: module.values.get(name), place: placeOf(module, new Map(), deep + 1) }];
  const imported = module.imports.get(name);
  const from = imported && moduleOf(imported.from);
  return from?.values.has(imported.name)
    ? [{ node: from.values.get(imported.name), place: placeOf(from, new Map(), deep + 1) }]
    : [];
}

/** Declarations of, and assignments to, a variable of a function. */
function localsOf(fn, name) {
  const found = [];
  walk(fn.body, (node) => {
    if (functionAround(node) !== fn) return;
    if (node.type === "AssignmentExpression" && node.left.name === name)
      found.push({ node: node.right, changes: true });
    if (node.type === "UpdateExpression" && node.argument.name === name) found.push({ node, changes: true });
    if (node.type !== "VariableDeclarator") return;
    const loop = node.parent.parent;
    const of =
      loop?.type === "ForOfStatement" && loop.left === node.parent ? { each: loop.right } : { node: node.init };
    if (node.id.name === name) found.push(of);
    const key = node.id.type === "ObjectPattern" && node.id.properties.find(({ value }) => value?.name === name)?.key;
    const at = node.id.type === "ArrayPattern" ? node.id.elements.findIndex((one) => one?.name === name) : -1;
    if (key) found.push({ ...of, member: key.name });
    else if (at >= 0) found.push({ ...of, at });
  });
  // What grows has no text.
  if (
    found.some(({ changes }) => changes) &&
    found.some(({ node }) => typeof node?.value === "number" || node?.type === "UpdateExpression")
  )
    return [];
  return found.filter(({ node, each }) => node || each);
}

/** What an expression is once names, calls and conditions are followed: literals, templates, objects, lists. */
function valuesOf({ node, each, member, at }, place) {
  let found = each ? resolved(each, place).flatMap(elementsOf) : resolved(node, place);
  if (member) found = found.flatMap((one) => memberOf(one, member));
  if (at !== undefined) found = found.flatMap((one) => elementAt(one, at));
  return found;
}

function elementsOf({ node, place }) {
  if (node.type !== "ArrayExpression") return [];
  return node.elements.filter((one) => one && one.type !== "SpreadElement").flatMap((one) => resolved(one, place));
}

function elementAt({ node, place }, at) {
  const element = node.type === "ArrayExpression" ? node.elements[at] : undefined;
  return element ? resolved(element, place) : [];
}

function memberOf({ node, place }, name) {
  if (node.type !== "ObjectExpression") return [];
  const own = node.properties.find((one) => one.key?.name === name || one.key?.value === name);
  if (own) return [{ node: own.value, place }];
  return node.properties
    .filter(({ type }) => type === "SpreadElement")
    .flatMap((one) => resolved(one.argument, place))
    .flatMap((one) => memberOf(one, name));
}

export function resolved(node, place) {
  if (place.deep > MOST_DEEP) return [{ node, place }];
  const deeper = { ...place, deep: place.deep + 1 };
  switch (node.type) {
    case "TSAsExpression":
    case "TSNonNullExpression":
    case "TSSatisfiesExpression":
    case "ParenthesizedExpression":
    case "AwaitExpression":
      return resolved(node.expression ?? node.argument, place);
    case "ConditionalExpression":
      return [...resolved(node.consequent, place), ...resolved(node.alternate, place)];
    case "LogicalExpression":
      return node.operator === "&&"
        ? resolved(node.right, place)
        : [...resolved(node.left, place), ...resolved(node.right, place)];
    case "Identifier": {
      const found = meanings(node.name, node, place);
      return found.length === 0 ? [{ node, place }] : found.flatMap((one) => resolved(one.node, one.place));
    }
    case "MemberExpression": {
      if (node.object.name === "OPTION") return [{ node, place }];
      // One of a table's members: which one is known at run time only.
      if (node.computed) return [{ node, place }];
      const found = resolved(node.object, deeper).flatMap((one) => memberOf(one, node.property.name));
      return found.length === 0 ? [{ node, place }] : found.flatMap((one) => resolved(one.node, one.place));
    }
    case "CallExpression": {
      const found = returnsOf(node, deeper);
      return found.length === 0 ? [{ node, place }] : found.flatMap((one) => resolved(one.node, one.place));
    }
    default:
      return [{ node, place }];
  }
}

/** Functions whose calls mean something to messages: see src/option-words.ts. */
const KNOWN = new Set(["either", "inWords", "piped", "levelWords", "ofFile", "foreignText", "unnamedPlace"]);
/** Functions that put what somebody gave, or what the system said, into words. */
const SHOWING = new Map([
  ["describeSystemError", "systemReason"],
  ["foreignReason", "systemReason"],
  ["shown", "value"],
]);

/** What a called function returns, its parameters bound. */
function returnsOf(call, place) {
  const name = call.callee.type === "Identifier" ? call.callee.name : undefined;
  if (name === undefined || KNOWN.has(name) || SHOWING.has(name)) return [];
  const found = meanings(name, call, place).filter((one) => isFunction(one.node));
  return found.flatMap(({ node: fn, place: there }) => {
    const within = { ...there, bound: boundTo(fn, call.arguments, place, there.bound), deep: place.deep + 1 };
    if (fn.body.type !== "BlockStatement") return [{ node: fn.body, place: within }];
    const returns = [];
    walk(fn.body, (node) => {
      if (node.type === "ReturnStatement" && node.argument && functionAround(node) === fn) returns.push(node.argument);
    });
    return returns.map((node) => ({ node, place: within }));
  });
}

/** Parameters of a function by name, as a call gives them. */
export function boundTo(fn, given, place, before = new Map()) {
  const bound = new Map(before);
  for (const [i, parameter] of fn.params.entries()) {
    const pattern = parameter.left ?? parameter;
    const argument = given[i] ?? parameter.right;
    if (!argument) continue;
    if (pattern.type === "ObjectPattern") {
      for (const { key, value } of pattern.properties) {
        const [one] = resolved(argument, place).flatMap((object) => memberOf(object, key?.name));
        if (one && value) bound.set(value.name ?? value.left?.name, one);
      }
    } else if (pattern.type === "Identifier") bound.set(pattern.name, { node: argument, place });
  }
  return bound;
}

/**
 * The places of a call of which several arguments come from one: `const [what, cure] = …`, or `found.what` and `found.cure`. Where that has several
 * values there is a place for each, so that what belongs together stays together.
 */
export function apart(call, place) {
  const fn = functionAround(call);
  if (fn === null) return [place];
  const used = new Set();
  const members = new Map();
  for (const argument of call.arguments) {
    walk(argument, (node) => {
      if (node.type === "Identifier") used.add(node.name);
      if (node.type === "MemberExpression" && node.object.type === "Identifier")
        members.set(node.object.name, (members.get(node.object.name) ?? new Set()).add(node.property.name));
    });
  }
  const bind = (values, name) =>
    values.map((value) => ({ ...place, bound: new Map([...place.bound, ...name(value)]) }));
  for (const [object, names] of members) {
    if (names.size < 2) continue;
    const values = meanings(object, call, place).flatMap((one) => resolved(one.node, one.place));
    const objects = values.filter(({ node }) => node.type === "ObjectExpression");
    if (objects.length > 1) return bind(objects, (value) => [[object, value]]);
  }
  let places = [place];
  walk(fn.body, (node) => {
    if (node.type !== "VariableDeclarator" || !node.init || functionAround(node) !== fn || places.length > 1) return;
    const names =
      node.id.type === "ArrayPattern"
        ? node.id.elements.map((one, at) => [one?.name, (value) => elementAt(value, at)])
        : node.id.type === "ObjectPattern"
          ? node.id.properties.map((one) => [one.value?.name, (value) => memberOf(value, one.key?.name)])
          : [];
    if (names.filter(([name]) => used.has(name)).length < 2) return;
    const values = resolved(node.init, place).filter(({ node: { type } }) => /^(Array|Object)Expression$/.test(type));
    if (values.length > 1)
      places = bind(values, (value) =>
        names.flatMap(([name, part]) =>
          part(value)
            .slice(0, 1)
            .map((one) => [name, one]),
        ),
      );
  });
  return places;
}

/** The texts of an expression. */
export function textsOf(node, place, options) {
  if (!node) return [""];
  const unknown = `${OPEN}${plainName(node, place)}${CLOSE}`;
  const texts = resolved(node, place)
    .flatMap((one) => textOf(one.node, one.place, options))
    // The name that stands here says more than how its value comes about.
    .map((text) => (UNKNOWN.test(text) && unknown !== `${OPEN}${node.type}${CLOSE}` ? unknown : text));
  const different = [...new Set(texts)];
  return different.length > MOST_TEXTS || different.length === 0 ? [unknown] : different;
}

function textOf(node, place, options) {
  const texts = (one) => textsOf(one, { ...place, deep: place.deep + 1 }, options);
  if (node.type === "Literal") return [String(node.value)];
  if (node.type === "Identifier" && node.name === "undefined") return [""];
  if (node.type === "TemplateLiteral") {
    let made = [""];
    for (const [i, { value }] of node.quasis.entries()) {
      made = made.map((text) => text + value.cooked);
      if (i in node.expressions)
        made = combined(made, texts(node.expressions[i]), plainName(node.expressions[i], place));
    }
    return made;
  }
  const number = numberOf(node);
  if (number !== undefined) return [String(number)];
  const counts =
    node.type === "BinaryExpression" && [node.left, node.right].some((one) => typeof one.value === "number");
  const isText = (one) =>
    one.type === "TemplateLiteral" ||
    typeof one.value === "string" ||
    (one.type === "BinaryExpression" && (isText(one.left) || isText(one.right)));
  if (node.type === "BinaryExpression" && node.operator === "+" && !counts && isText(node))
    return combined(texts(node.left), texts(node.right), plainName(node.right, place));
  if (node.type === "MemberExpression" && node.object.name === "OPTION" && options.has(node.property.name))
    return [options.get(node.property.name).commandLine];
  if (node.type === "CallExpression" && KNOWN.has(node.callee.name)) {
    const [first, second] = node.arguments;
    if (node.callee.name === "ofFile") return texts(second);
    if (node.callee.name === "piped") return texts(first).map((text) => `\`${text} | coresieve - OUT\``);
    if (node.callee.name === "levelWords") return texts(first).map((text) => `--level ${text}`);
    return texts(first);
  }
  return [`${OPEN}${plainName(node, place)}${CLOSE}`];
}

/** The number that `2 ** 20` and the like are. */
function numberOf(node) {
  if (node.type === "Literal") return typeof node.value === "number" ? node.value : undefined;
  if (node.type !== "BinaryExpression") return undefined;
  const [left, right] = [numberOf(node.left), numberOf(node.right)];
  if (left === undefined || right === undefined) return undefined;
  return { "**": left ** right, "*": left * right, "-": left - right, "+": left + right, "<<": left << right }[
    node.operator
  ];
}

function combined(heads, tails, name) {
  if (heads.length * tails.length > MOST_TEXTS) return heads.map((head) => `${head}${OPEN}${name}${CLOSE}`);
  return heads.flatMap((head) => tails.map((tail) => head + tail));
}

/** A word for what is known at run time only. */
function plainName(node, place) {
  if (node.type === "Identifier") return node.name;
  if (node.type === "MemberExpression") return plainName(node.computed ? node.object : node.property, place);
  if (node.type === "PrivateIdentifier") return node.name;
  if (node.type === "ChainExpression") return plainName(node.expression, place);
  if (node.type === "CallExpression") {
    const { callee } = node;
    if (SHOWING.has(callee.name)) return SHOWING.get(callee.name);
    const given = node.arguments.find((one) => one.type === "Identifier" || one.type === "MemberExpression");
    // JSON.stringify(shortened(part)): the name that counts is inside.
    const [inner] = node.arguments;
    if (callee.object?.name === "JSON" && inner?.type === "CallExpression" && inner.callee.type === "Identifier")
      return plainName(inner, place);
    if (/^(toString|join|toFixed|trim|slice)$/.test(callee.property?.name)) return plainName(callee.object, place);
    return given === undefined
      ? plainName(callee.type === "MemberExpression" ? callee.object : callee, place)
      : plainName(given, place);
  }
  if (node.type === "TSAsExpression" || node.type === "TSNonNullExpression") return plainName(node.expression, place);
  if (node.type === "BinaryExpression") return plainName(node.left.type === "Literal" ? node.right : node.left, place);
  if (node.type === "ConditionalExpression") return plainName(node.consequent, place);
  if (node.type === "LogicalExpression") return plainName(node.left, place);
  if (node.type === "UnaryExpression")
    return node.operator === "typeof" ? node.operator : plainName(node.argument, place);
  if (node.type === "NewExpression") return plainName(node.arguments[0] ?? node.callee, place);
  if (node.type === "ArrayExpression" && node.elements[0])
    return plainName(node.elements[0].argument ?? node.elements[0], place);
  return node.type;
}
