/** Vitest runs this module before each test file, also where files share a process, and with it all other modules. */
import { afterAll, expect } from "vitest";
import { speakAs } from "../../src/option-words.js";
import { endFile } from "./after-file.js";
import { equalBytes } from "./equal-bytes.js";

// The file before this one in the process may have spoken as the command line does.
speakAs("library");
expect.addEqualityTesters([equalBytes]);
afterAll(endFile);
