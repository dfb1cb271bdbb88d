import type { FuzzTarget } from "./target.js";
import { commandTargets } from "./targets/commands.js";
import { debuginfoTargets } from "./targets/debuginfo.js";
import { dumpFileTargets } from "./targets/dump-files.js";
import { encoderTargets } from "./targets/encoders.js";
import { kernelRunTargets } from "./targets/kernel-runs.js";
import { kernelTargets } from "./targets/kernels.js";
import { machineStateTargets } from "./targets/machine-states.js";
import { optionTargets } from "./targets/options.js";
import { pageTargets } from "./targets/pages.js";
import { privacyTargets } from "./targets/privacy.js";
import { runTargets } from "./targets/runs.js";
import { streamTargets } from "./targets/streams.js";
import { textTargets } from "./targets/texts.js";

/** Everything that is tried. */
export const targets: readonly FuzzTarget[] = [
  ...dumpFileTargets,
  ...machineStateTargets,
  ...streamTargets,
  ...pageTargets,
  ...encoderTargets,
  ...textTargets,
  ...optionTargets,
  ...kernelTargets,
  ...debuginfoTargets,
  ...privacyTargets,
  ...runTargets,
  ...kernelRunTargets,
  ...commandTargets,
];
