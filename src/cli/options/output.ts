import { OUTPUT_FORMATS } from "../../writer/output-format.js";
import { INPUT_OPTIONS, KERNEL_OPTIONS, SPOOL_OPTIONS } from "./input.js";
import { type OutputForm, ROW } from "./option.js";

const { choice, file, flag, folder, percent, size, text } = ROW;

/** Packings of a whole file. none: not packed, whatever its name ends with. */
export const PACKINGS = ["zstd", "lz4", "gzip", "none"] as const;

/** Outputs without a name that could be taken, or could be given late. */
const UNNAMED: readonly OutputForm[] = ["stdout", "url"];

const namesOf = (options: readonly { readonly name: string }[]) => options.map(({ name }) => name);

/** Options about the output. */
export const OUTPUT_OPTIONS = [
  flag("elf", ["filter", "submit", "plan", "handover"], "ELF instead of kdump-compressed", {
    letter: "E",
    same: "format",
    common: true,
    long: "Write ELF, uncompressed, instead of kdump-compressed",
    refused: { split: "only kdump-compressed files can be split" },
  }),
  choice("format", OUTPUT_FORMATS, ["filter"], "kdump (default), elf, or memory: lime, raw", {
    same: "format",
    long: "`kdump` (default), `elf`, or images of memory for other programs: `lime`, `raw`.",
    see: "See [formats.md](formats.md#images-of-memory)",
    refused: {
      split: "only kdump-compressed files can be split",
      submit: "several hosts write kdump-compressed, or ELF with -E",
      plan: "several hosts write kdump-compressed, or ELF with -E",
    },
  }),
  flag("flatten", ["filter"], "flattened to stdout; name no OUT", {
    letter: "F",
    long: "Write the flattened form to stdout; name no `OUT`. The summary goes to stderr",
    refused: {
      split: "several files do not go into one stream",
      submit: "several hosts cannot write to one stream",
      plan: "several hosts cannot write to one stream",
    },
  }),
  choice(
    "pack",
    PACKINGS,
    ["filter", "split", "rearrange", "reassemble"],
    "pack OUT: zstd, lz4, gzip, none (default: by suffix)",
    {
      value: "HOW",
      common: true,
      long: "Pack the output as a whole: `zstd`, `lz4`, `gzip`, or `none`. Default: by the suffix of `OUT` (`.zst`, `.lz4`, `.gz`).",
      see: "See [pipes.md](pipes.md#packed-output)",
      refused: {
        submit: "several hosts cannot write one packed file: pack it when it is there",
        plan: "several hosts cannot write one packed file: pack it when it is there",
      },
    },
  ),
  file("output", ["report"], "where to write it (default: DUMP.html, without its folder)", {
    long: "Where to write the page. Default: `DUMP.html` in the current folder",
  }),
  flag(
    "force",
    ["filter", "split", "submit", "plan", "handover", "report", "rearrange", "reassemble", "audit"],
    "overwrite files that exist",
    {
      letter: "f",
      common: true,
      long: "Overwrite files that exist, when the new ones are whole. The input is never overwritten.",
      see: "See [below](#names-of-outputs)",
      idle: [
        { in: ["filter"], output: UNNAMED, without: ["manifest", "report"] },
        { in: ["handover"], output: UNNAMED, without: ["manifest", "result", "page", "found"] },
        { in: ["split", "rearrange", "reassemble"], output: UNNAMED },
        { in: ["audit"], without: ["rules", "result"] },
      ],
    },
  ),
  size("size-limit", ["filter", "split"], "most bytes of each OUT: 500M, 2G", {
    letter: "L",
    long: "Most bytes of each `OUT`, or of what `-F` sends: a number, or one with `K`, `M`, `G`, `T`, `P`, `E` (powers of 1024). More counts as a full disk",
  }),
  choice("on-full", ["nothing", "incomplete"], ["filter"], "if it does not fit: nothing (default), incomplete", {
    value: "WHAT",
    long: "What is left when no level has room: `nothing` (default), or `incomplete`, a dump that is marked so.",
    see: "See [below](#no-room)",
    cure: "Write nothing (leave no file) or incomplete (leave a dump marked incomplete)",
    idle: [
      { only: "file", output: [...UNNAMED, "object", "packed"] },
      { only: "file", beside: ["format=lime", "format=raw"] },
    ],
    refused: { split: "a split set cannot be left incomplete: files behind the one that is full would be empty" },
  }),
  percent("min-saving", ["filter"], "write OUT only if it saves so much of DUMP's size", {
    long: "Write `OUT` only if it saves that much of the size of `DUMP`.",
    idle: [
      { only: "file", output: ["stdout"] },
      { only: "file", beside: ["on-full=incomplete"] },
    ],
    see: "See [below](#is-the-old-file-as-good)",
  }),
  folder("spool-dir", ["rearrange"], "where it waits to be packed (default: beside OUT)", {
    object: { cure: "Name a folder of this machine: the file there is temporary" },
    idle: [{ output: ["unpacked"] }],
  }),
  size("spool-limit", ["rearrange"], "its largest size (default: half of the free space)", {
    idle: [{ output: ["unpacked"] }],
  }),
  flag(
    "sync",
    ["filter", "handover", "split", "rearrange", "reassemble"],
    "wait until the disk has OUT, then give it its name",
    {
      long: "Wait until the disk has the output before it gets its name, and until it has the name.",
      see: "See [reliability.md](dev/reliability.md#what-is-on-the-disk)",
      idle: [{ output: [...UNNAMED, "object"] }],
    },
  ),
  file("write-vmcoreinfo", ["filter"], "only the VMCOREINFO text of a dump; name no OUT", {
    letter: "g",
    long: "Only write the VMCOREINFO text of the dump to `FILE`; name no `OUT`",
    alone: [
      ...namesOf(INPUT_OPTIONS),
      ...namesOf(SPOOL_OPTIONS),
      ...namesOf(KERNEL_OPTIONS),
      "force",
      "strict",
      "quiet",
    ],
  }),
  file("manifest", ["filter"], "write a record of the run, with digests, to FILE", {
    long: "Write a record of the run to `FILE`, with digests of input and output.",
    see: "See [manifest.md](manifest.md)",
  }),
  file("manifest", ["handover"], "the record of the run (default: OUT.json)", {
    long: "The record of the run. Default: `OUT.json`, without `.age`",
  }),
  file("result", ["handover"], "the result of the audit (default: OUT.audit.json)", {
    long: "The result of the audit. Default: `OUT.audit.json`, without `.age`",
  }),
  file("page", ["handover"], "the page to print and sign (default: OUT.html)", {
    long: "The page for the person who decides. Default: `OUT.html`, without `.age`",
  }),
  text("recipient", ["handover"], "seal OUT for this receiver (age); may be repeated", {
    value: "age1…",
    repeated: "each",
    long: "Seal `OUT` with age for the receiver of this public key; may be repeated.",
    see: "See [hand-over.md](hand-over.md#sealed-for-the-receiver)",
  }),
  file("found", ["handover"], "if something is found: rules for it, for --rules", {
    long: "If something is found, write rules for it to `FILE`: `--rules FILE` overwrites it in the next run",
  }),
  file("sign", ["filter", "audit", "handover"], "sign the records with an Ed25519 key", {
    value: "KEY",
    object: "read",
    long: "Sign the manifest, or the audit's `--result`, with an Ed25519 private key. The signature is `FILE.sig`.",
    see: "See [manifest.md](manifest.md)",
    idle: [
      { in: ["filter"], without: ["manifest"] },
      { in: ["audit"], without: ["result"] },
      { in: ["handover"], output: UNNAMED, without: ["manifest", "result"] },
    ],
  }),
  choice("manifest-digests", ["all", "output"], ["filter"], "digests of all (default), or of the output only", {
    value: "WHICH",
    long: "`all` (default) or `output`: the input is then not read a second time for its digest",
    cure: "`--manifest FILE --manifest-digests output` leaves out the input's digest",
    idle: [{ without: ["manifest"] }],
  }),
  file("report", ["filter"], "write a page with a picture of memory to FILE", {
    long: "Write a page with a picture of memory, and of what was kept.",
    see: "See [report.md](report.md)",
  }),
] as const;
