/** Errors of the surroundings that are no fault of the program: they are named, with the cure. */
import { expect, test } from "vitest";
import { threadSurroundingsError } from "../src/surroundings.js";

test("Node's --permission without --allow-worker is no mistake of the program", () => {
  const denied = Object.assign(new Error("Access to this API has been restricted. Use --allow-worker"), {
    code: "ERR_ACCESS_DENIED",
    permission: "WorkerThreads",
  });
  expect(threadSurroundingsError(denied)).toMatchObject({
    code: "SYSTEM_LIMIT",
    message: expect.stringMatching(/--permission does not allow it. Add --allow-worker/),
  });
});
