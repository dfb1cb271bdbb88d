import {
  bytes,
  either,
  fileName,
  hasMembers,
  object,
  optional,
  type Shape,
  such,
  text,
  whole,
} from "../option-shape.js";
import type { CompleteOptions } from "./complete-dump.js";
import type { GivenVmcoreinfo } from "./given-vmcoreinfo.js";

const GIVEN_VMCOREINFO: Shape<GivenVmcoreinfo> = { text, name: text };

/** What is known of the kernel apart from the dump. */
export const COMPLETE_SHAPE: Shape<CompleteOptions> = {
  vmcoreinfoAt: optional(whole(0)),
  vmcoreinfo: optional(object(GIVEN_VMCOREINFO)),
  vmlinux: optional(
    either(
      (value) => typeof value === "string",
      fileName,
      such((value) => hasMembers(value, ["name", "source", "close"]), "the name of a file, or what openSideFile gives"),
    ),
  ),
  vmcoreinfoDevice: optional(bytes),
};
