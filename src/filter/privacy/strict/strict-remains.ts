import type { Scrub } from "../scrub.js";
import { SMALL_HALF, SMALL_WORD } from "./kernel-words.js";
import type { PrivacyKeep } from "./strict-plan.js";

/** What `--privacy strict` leaves, in words: docs/privacy.md explains each. */
export function strictRemains(
  { typed }: Pick<Scrub, "typed">,
  keeps: readonly PrivacyKeep[],
  gaps: readonly string[],
): string[] {
  const numbers = (limit: number) => limit.toLocaleString("en-US");
  return [
    "the kernel's image and its log: text of messages, the host's name, command lines",
    "names of slab caches and of modules; modules' code, constants and symbols",
    ...(keeps.includes("comm") ? ["names of tasks"] : []),
    ...(typed
      ? [
          "numbers in objects of known types: times, sizes, users' numbers, addresses of the network, hashes of file names",
        ]
      : [
          "the dump has no types: all objects were taken for unknown, so that debuggers miss most of their numbers; its vmlinux would give them",
        ]),
    `elsewhere addresses of the kernel's, and numbers below ${numbers(SMALL_HALF)} in 4 bytes and ${numbers(SMALL_WORD)} in 8`,
    ...gaps.map((gap) => `not found, so that more was overwritten than had to be: ${gap}`),
  ];
}
