/** Progress where there is no terminal: a line now and then, with a rate as soon as there is one. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { progressDisplay } from "../../src/cli/progress.js";

beforeEach(() => vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => vi.useRealTimers());

test("the first line of a phase has no rate, the next one has", () => {
  const lines: string[] = [];
  const stream = { isTTY: false, write: (line: string) => lines.push(line) } as unknown as NodeJS.WriteStream;
  const display = progressDisplay(stream, 4096);
  vi.advanceTimersByTime(6000);
  display.update({ phase: "write", done: 12, total: 100 });
  vi.advanceTimersByTime(8000);
  display.update({ phase: "write", done: 50, total: 100 });
  expect(lines).toEqual([
    expect.stringMatching(/^coresieve: .* 12 %\n$/),
    expect.stringMatching(/^coresieve: .* 50 %, 25 KiB\/s, 8.* left\n$/),
  ]);
});
