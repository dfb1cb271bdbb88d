// The entry of the single executable (scripts/build-single.mjs). It contains both programs; the name by which it is
// called decides.
import { basename } from "node:path";

if (/makedumpfile/i.test(basename(process.argv0))) void import("./makedumpfile.js");
else void import("./main.js");
