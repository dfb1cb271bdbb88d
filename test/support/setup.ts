/** Vitest runs this module before each test file, also where files share a process, and with it all other modules. */
import { afterAll } from "vitest";
import { endFile } from "./after-file.js";

afterAll(endFile);
