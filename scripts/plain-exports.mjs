/** What rolldown writes for an export, with its spaces or without. */
const GETTER =
  /Object\.defineProperty\(exports,\s*(["'`])([\w$]+)\1,\s*\{\s*enumerable:\s*true,\s*get:\s*function\s*\(\)\s*\{\s*return ([\w$]+);?\s*\}\s*\}\)/g;

/**
 * A plugin that exports functions and constants of a chunk as plain properties. Rolldown makes a getter for each, so that others see when a
 * variable changes; V8 compiles each getter when it is called first, which took 20 to 30 ms of a run. What may change keeps its getter.
 */
export const plainExports = {
  name: "plain-exports",
  renderChunk(code) {
    return code.replace(GETTER, (getter, _quote, name, value) =>
      isDeclared(code, "function|const", value) && !isDeclared(code, "let|var", value)
        ? `exports.${name} = ${value}`
        : getter,
    );
  },
};

function isDeclared(code, how, name) {
  return new RegExp(`\\b(?:${how})(?:\\* ?| )${name.replaceAll("$", "\\$")}(?![\\w$])`).test(code);
}
