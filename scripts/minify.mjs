/**
 * How all bundles are made smaller, so that there is less to read at each start. Names of functions and classes stay, for
 * stack traces; private members get short ones.
 */
export const minify = {
  compress: { keepNames: { function: true, class: true } },
  mangle: { toplevel: false, keepNames: { function: true, class: true } },
  codegen: { removeWhitespace: true },
};
