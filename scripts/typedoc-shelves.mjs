// A plugin of typedoc: a document is called by its first heading, and stands under its shelf.
import { Converter } from "typedoc";

const GUIDES =
  /(install|first-vmcore|dump-for-a-vendor|shrink|hand-over|virtual-machines|kdump|from-makedumpfile|pipes|object-stores|many-machines)\.md$/;

/** @param {import("typedoc").Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const file = document.project.files.getReflectionPath(document) ?? "";
    const [, heading] = /^# +(.+)$/m.exec(document.content.map(({ text }) => text).join("")) ?? [];
    if (heading !== undefined) document.name = heading;
    document.frontmatter["group"] = shelfOf(file);
  });
}

function shelfOf(file) {
  if (!/\/docs\/[^/]+\.md$/.test(file)) return "For developers";
  return GUIDES.test(file) ? "Guides" : "Reference";
}
