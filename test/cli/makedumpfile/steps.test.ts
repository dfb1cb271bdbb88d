/** The progress lines of coresieve-makedumpfile, byte for byte as makedumpfile's. */
import { expect, test } from "vitest";
import { Messages, PROGRESS, REPORT } from "../../../src/cli/makedumpfile/messages.js";
import { etaText, Steps } from "../../../src/cli/makedumpfile/steps.js";

function recorder() {
  let [stdout, stderr] = ["", ""];
  const messages = new Messages({
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { messages, said: () => ({ stdout, stderr }) };
}

test("a line at most every second, the end of each step always, a newline at the end", () => {
  const { messages, said } = recorder();
  let now = 0;
  const steps = new Steps(messages, () => now);
  steps.update("Checking for memory holes", 0, 1);
  now = 500;
  steps.update("Excluding unnecessary pages", 1, 2);
  now = 1600;
  steps.update("Copying data", 238, 1000);
  now = 1700;
  steps.update("Copying data", 239, 1000);
  now = 11_600;
  steps.update("Copying data", 500, 1000);
  steps.finish();
  expect(said().stderr.split("\r")).toEqual([
    "",
    "Checking for memory holes                         : [  0.0 %] /                  ",
    "Checking for memory holes                         : [100.0 %] |                  ",
    "Excluding unnecessary pages                       : [100.0 %] \\                  ",
    "Copying data                                      : [ 50.0 %] -          eta: 10s",
    "Copying data                                      : [100.0 %] /           eta: 0s\n",
  ]);
});

test("the report bit tells how long each step took", () => {
  const { messages, said } = recorder();
  messages.level = REPORT;
  let now = 0;
  const steps = new Steps(messages, () => now);
  steps.update("Checking for memory holes", 0, 1);
  now = 1234.5678;
  steps.update("Copying data", 0, 1);
  steps.finish();
  expect(said()).toEqual({
    stdout:
      "STEP [Checking for memory holes  ] : 1.234568 seconds\nSTEP [Copying data               ] : 0.000000 seconds\n",
    stderr: "",
  });
});

test("without the progress bit nothing is shown", () => {
  const { messages, said } = recorder();
  messages.level &= ~PROGRESS;
  const steps = new Steps(messages);
  steps.update("Copying data", 0, 1);
  steps.finish();
  expect(said()).toEqual({ stdout: "", stderr: "" });
});

test.each([
  [0, "0s"],
  [99.9, "99s"],
  [307, "5m7s"],
  [5999, "99m59s"],
  [11_520, "3h12m"],
  [47 * 3600 + 59 * 60, "47h59m"],
  [99 * 3600, "4d3h"],
  [100 * 86_400, ">100day"],
])("%d seconds left: %s", (seconds, text) => {
  expect(etaText(seconds)).toBe(text);
});
