/** The letter of a task's state, by the bits of its kernel. */
import { expect, test } from "vitest";
import { stateLetter } from "../../src/library/tasks-of.js";

test.each([
  // __state, exit_state, kernel.
  [0n, 0n, "6.1.0", "R"],
  [1n, 0n, "6.1.0", "S"],
  [2n, 0n, "6.1.0", "D"],
  [0x402n, 0n, "6.1.0", "I"],
  [8n, 0n, "6.1.0", "t"],
  [0x80n, 0x20n, "6.1.0", "Z"],
  [0x80n, 0x10n, "6.1.0", "X"],
  // While its parent takes it: EXIT_TRACE is both.
  [0x80n, 0x30n, "6.1.0", "Z"],
  // Linux 3.15 exchanged the two.
  [64n, 16n, "2.6.32-754.el6.x86_64", "Z"],
  [64n, 32n, "3.10.0-1160.el7.x86_64", "X"],
  [64n, 16n, "3.14.79", "Z"],
  [64n, 16n, "3.15.0", "X"],
  [undefined, 0n, "6.1.0", "?"],
] as const)("__state %s, exit_state %s in Linux %s: %s", (state, exit, release, letter) => {
  expect(stateLetter(state, exit, release)).toBe(letter);
});
