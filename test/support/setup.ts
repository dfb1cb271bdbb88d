/** Vitest runs this module before each test file, also where files share a process, and with it all other modules. */
import { afterAll, expect, inject, vi } from "vitest";
import { speakAs } from "../../src/option-words.js";
import { dropUnfinished } from "../../src/unfinished.js";
import { endFile } from "./after-file.js";
import { equalBytes } from "./equal-bytes.js";
import { forgetLargePages } from "./large-pages.js";
import { processState } from "./process-state.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Whether files share a process. */
    readonly shared?: boolean;
  }
}

forgetLargePages();
// The file before this one in the process may have spoken as the command line does.
speakAs("library");
expect.addEqualityTesters([equalBytes]);
const state = inject("shared") ? processState() : undefined;
// What setup.ts asks for first comes last: after all that the file itself asked for.
afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  // What a file left unfinished would be the next one's.
  dropUnfinished();
  state?.takeBack();
  state?.check();
});
afterAll(endFile);
