import { LEVEL_BITS, MAX_LEVEL } from "../../filter/policy.js";
import { PRIVACY_EXTRAS, PRIVACY_KEEPS } from "../../filter/privacy/privacy-names.js";
import { FILTERING, ROW } from "./option.js";

const { file, flag, list } = ROW;

const CLASSES = Object.keys(LEVEL_BITS) as (keyof typeof LEVEL_BITS)[];

/** Beside these, a level of a configuration file has no effect; on the command line it is an error. */
const OVERRULED = { idle: [{ only: "file", beside: ["privacy", "privacy-strict"] }] } as const;

const LEVEL = {
  name: "level",
  letter: "d",
  kind: "numbers",
  value: "N",
  least: 0,
  most: MAX_LEVEL,
  same: "level",
  ...OVERRULED,
  cure: "Add up: 1 zero pages, 2 page cache, 4 page cache with private data, 8 user memory, 16 free pages",
} as const;

/** Options about what is dropped. */
export const LEVEL_OPTIONS = [
  {
    ...LEVEL,
    commands: ["filter", "split"],
    common: true,
    help: "1 zero, 2 cache, 4 private cache, 8 user, 16 free",
    long: "Dump level 0 to 31, the sum of what is dropped: 1 zero pages, 2 page cache, 4 page cache with private data (and 2), 8 user memory, 16 free pages. Default: 31. Of several (`-d 1,31`) the next one is tried when the output has no room.",
    see: "See [page-classes.md](page-classes.md)",
  },
  {
    ...LEVEL,
    commands: ["submit", "plan"],
    help: "sum of 1 zero pages, 2 page cache, 4 page cache with private data, 8 user memory, 16 free pages",
  },
  list("exclude", CLASSES, FILTERING, "the same by name: zero,cache,cache-private,user,free", {
    value: "NAMES",
    empty: true,
    same: "level",
    ...OVERRULED,
    long: "The same by name: `zero`, `cache`, `cache-private`, `user`, `free`, with commas between. Not together with `-d`",
  }),
  flag("exclude-unused-vmemmap", FILTERING, "drop struct pages of dropped pages as well", {
    letter: "e",
    long: "Also drop the kernel's memory that holds only struct pages of dropped pages. Debuggers then know nothing of these pages (`kmem` of crash).",
    see: "See [page-classes.md](page-classes.md#struct-pages-of-dropped-pages)",
  }),
  flag("privacy", FILTERING, "drop all that may hold user data: more than -d 31", {
    common: true,
    long: "Keep only pages that are surely the kernel's own. Not with another level than 31.",
    see: "See [privacy.md](privacy.md)",
  }),
  flag("privacy-strict", [...FILTERING, "handover"], "like --privacy, and no text stays in kept pages", {
    long: "Also written `--privacy strict`: `--privacy`, and the pages that stay have no text and no payload outside of the kernel's image and log.",
    same: "strict",
    see: "See [privacy.md](privacy.md#strict)",
  }),
  flag("strict", ["handover"], "the same as --privacy-strict", {
    same: "strict",
    long: "As `--privacy strict`: no text and no payload in the pages that stay.",
    see: "See [privacy.md](privacy.md#strict)",
  }),
  list(
    "privacy-keep",
    PRIVACY_KEEPS,
    ["filter", "submit", "plan", "handover"],
    "with --privacy-strict, keep: comm (task names)",
    {
      empty: true,
      long: "With `--privacy strict`: text that stays. `comm`: the names of tasks",
      idle: [
        { in: FILTERING, without: ["privacy-strict"] },
        { in: ["handover"], without: ["privacy-strict", "strict"] },
      ],
    },
  ),
  list(
    "privacy-extra",
    PRIVACY_EXTRAS,
    ["filter", "submit", "plan", "handover"],
    "overwrite also: registers,tty,log,host",
    {
      empty: true,
      long: "With `--privacy`: overwrite also `registers` (of programs), `tty` (terminals' buffers), `log` (the text of the kernel's log), `host` (names of host and domain, command lines, serial numbers), with commas between",
      idle: [{ in: FILTERING, without: ["privacy", "privacy-strict"] }],
    },
  ),
  file("erase", ["filter", "submit", "plan"], "overwrite data in kept pages, by rules in FILE", {
    object: "read",
    long: "Overwrite kernel data and texts in kept pages by the rules in `FILE`.",
    see: "See [erase.md](erase.md)",
  }),
  file("rules", ["handover"], "overwrite data in kept pages, by rules in FILE", {
    object: "read",
    long: "As `--erase` of other commands: overwrite kernel data and texts in kept pages.",
    see: "See [erase.md](erase.md)",
  }),
  file("extension", ["filter"], "ask a JavaScript module about each page", {
    long: "Ask a JavaScript module about each page, before the level decides.",
    see: "See [library.md](library.md#extensions)",
    object: { cure: "Fetch the module to a file, and name that" },
  }),
] as const;
