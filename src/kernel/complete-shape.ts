import {
  aFileName,
  anObject,
  aText,
  eitherOf,
  hasMembers,
  maybe,
  type Shape,
  someBytes,
  suchThat,
  wholeNumber,
} from "../option-shape.js";
import type { CompleteOptions } from "./complete-own.js";
import type { GivenVmcoreinfo } from "./given-vmcoreinfo.js";

const GIVEN_VMCOREINFO: Shape<GivenVmcoreinfo> = { text: aText, name: aText };

/** Checks `CompleteOptions`. */
export const COMPLETE_SHAPE: Shape<CompleteOptions> = {
  vmcoreinfoAt: maybe(wholeNumber(0)),
  vmcoreinfo: maybe(anObject(GIVEN_VMCOREINFO)),
  vmlinux: maybe(
    eitherOf(
      (value) => typeof value === "string",
      aFileName,
      suchThat(
        (value) => hasMembers(value, ["name", "source", "close"]),
        "the name of a file, or what openSideFile gives",
      ),
    ),
  ),
  vmcoreinfoDevice: maybe(someBytes),
};
