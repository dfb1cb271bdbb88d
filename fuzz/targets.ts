import type { FuzzTarget } from "./target.js";
import { debuginfoTargets } from "./targets/debuginfo.js";
import { dumpFileTargets } from "./targets/dump-files.js";
import { kernelTargets } from "./targets/kernels.js";
import { pageTargets } from "./targets/pages.js";
import { runTargets } from "./targets/runs.js";
import { textTargets } from "./targets/texts.js";

/** Everything that is tried. */
export const targets: readonly FuzzTarget[] = [
  ...dumpFileTargets,
  ...pageTargets,
  ...textTargets,
  ...kernelTargets,
  ...debuginfoTargets,
  ...runTargets,
];
