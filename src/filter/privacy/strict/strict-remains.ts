import { formatCount } from "../../../readable-count.js";
import type { PrivacyKeep } from "../privacy-names.js";
import type { Scrub } from "../scrub-result.js";
import { SMALL_HALF, SMALL_WORD } from "./kernel-words.js";

/** What `--privacy strict` does not remove, in words; docs/privacy.md explains each. */
export function strictRemains(
  { typed, reached, imageGaps }: Pick<Scrub, "typed" | "reached" | "imageGaps">,
  keeps: readonly PrivacyKeep[],
  gaps: readonly string[],
): string[] {
  return [
    `the kernel's image: text in its variables${reached.has("host") ? "" : ", the host's name, command lines, numbers and tags of the machine's parts"}`,
    ...(reached.has("log")
      ? []
      : ["the kernel's log: text of messages, which may have the host's name and command lines"]),
    ...imageGaps.map((gap) => `the log's text that was not found, if it is in the image: ${gap}`),
    "names of slab caches and of modules; modules' code, constants and symbols",
    ...(keeps.includes("comm") ? ["names of tasks"] : []),
    ...(typed
      ? [
          "numbers in objects of known types: times, sizes, users' numbers, addresses of the network, hashes of file names",
        ]
      : [
          "the dump has no types: all objects were taken for unknown, so that debuggers miss most of their numbers; its vmlinux would give them",
        ]),
    `elsewhere addresses of the kernel's, and numbers below ${formatCount(SMALL_HALF)} in 4 bytes and ${formatCount(SMALL_WORD)} in 8`,
    ...gaps.map((gap) => `not found, so that more was overwritten or dropped than had to be: ${gap}`),
  ];
}
