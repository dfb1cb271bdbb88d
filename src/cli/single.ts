// The entry of the single executable (scripts/build-single.mjs): both programs, by the name it is called by.
import { basename } from "node:path";

if (/makedumpfile/i.test(basename(process.argv0))) void import("./makedumpfile.js");
else void import("./main.js");
