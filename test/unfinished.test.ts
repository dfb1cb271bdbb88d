/** What a run has made and not finished is taken away at once where it can be, and named where not. */
import { expect, test } from "vitest";
import { dropUnfinished, forgetUnfinished, type Unfinished, watchUnfinished } from "../src/unfinished.js";

const dropped: string[] = [];
const named = (name: string, left?: string): Unfinished => ({
  dropAtOnce() {
    dropped.push(name);
    return left;
  },
});

test("what is watched is dropped once; what is whole is not", () => {
  const whole = named("whole");
  watchUnfinished(named("file"));
  watchUnfinished(whole);
  watchUnfinished(named("upload", "the upload stays"));
  forgetUnfinished(whole);
  expect(dropUnfinished()).toEqual({ count: 2, left: ["the upload stays"] });
  expect(dropUnfinished()).toEqual({ count: 0, left: [] });
  expect(dropped).toEqual(["file", "upload"]);
});
