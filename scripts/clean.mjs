// Removes the build output. A file of its own because `rm -rf` is not there on Windows.
import { rmSync } from "node:fs";

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
