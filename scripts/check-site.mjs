// Looks for dead links in the site that `npm run docs` makes: exit code 1 if a link leads to no file, or to no place in it.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const site = fileURLToPath(new URL("../out/site/", import.meta.url));
const files = readdirSync(site, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));
const there = new Set(files);
/** The anchors of each page. */
const anchors = new Map();
const pages = files.filter((file) => file.endsWith(".html"));
for (const page of pages) {
  const text = readFileSync(page, "utf8");
  anchors.set(page, new Set([...text.matchAll(/\s(?:id|name)="([^"]+)"/g)].map(([, id]) => decoded(id))));
}

let links = 0;
const dead = [];
for (const page of pages) {
  const body = readFileSync(page, "utf8").replace(/<script\b[\s\S]*?<\/script>/g, "");
  for (const [, link] of body.matchAll(/<(?:a|img|link)\b[^>]*?\s(?:href|src)="([^"]+)"/g)) {
    if (/^(?:[a-z]+:|\/\/)/i.test(link)) continue;
    links++;
    const [path = "", anchor = ""] = decoded(link).split("#");
    const target = path === "" ? page : join(dirname(page), path.replace(/\?.*$/, ""));
    if (!there.has(target)) dead.push(`${relative(site, page)}: ${link}: no such file`);
    else if (anchor !== "" && anchors.get(target)?.has(anchor) === false)
      dead.push(`${relative(site, page)}: ${link}: no such place`);
  }
}

function decoded(text) {
  const plain = text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'");
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

for (const line of new Set(dead)) console.error(line);
console.log(`${pages.length} pages, ${links} links, ${dead.length} dead`);
if (dead.length > 0 || links === 0) process.exitCode = 1;
