import { onlyGiven } from "../../only-given.js";
import type { OptionSpec } from "./getopt.js";

/** One of makedumpfile's options, and how it is handled here. docs/makedumpfile-options.md lists them all. */
export interface MakedumpfileOption extends OptionSpec {
  /** For an option that is not served: why, and what to use instead. */
  readonly refused?: string;
}

const flag = (short: string | undefined, long?: string): MakedumpfileOption => ({
  ...onlyGiven({ short, long }),
  takesValue: false,
});
const value = (short: string | undefined, long?: string): MakedumpfileOption => ({
  ...flag(short, long),
  takesValue: true,
});
const refused = (option: MakedumpfileOption, why: string): MakedumpfileOption => ({ ...option, refused: why });

const NO_XEN = "of a Xen host only levels 0 and 1 are filtered";

/** All options of makedumpfile 1.7.2 and of its sources of April 2026 (--extension), and --non-cyclic of older ones. */
export const MAKEDUMPFILE_OPTIONS: readonly MakedumpfileOption[] = [
  flag("c"),
  flag("l"),
  flag("p"),
  flag("z"),
  value("d"),
  value("L"),
  flag("E"),
  flag("F"),
  flag("f"),
  value("x"),
  value("i"),
  refused(
    value("g"),
    "without a dump a vmlinux does not have all of it; `coresieve -g FILE -x VMLINUX DUMP` writes it, and -x VMLINUX does without",
  ),
  flag("R"),
  refused(flag("X"), NO_XEN),
  flag("e"),
  value("b"),
  flag("D"),
  flag("v"),
  flag("h", "help"),
  flag(undefined, "split"),
  value(undefined, "splitblock-size"),
  flag(undefined, "reassemble"),
  value(undefined, "num-threads"),
  value(undefined, "cyclic-buffer"),
  flag(undefined, "non-cyclic"),
  value(undefined, "work-dir"),
  flag(undefined, "non-mmap"),
  value(undefined, "config"),
  refused(value(undefined, "eppic"), "there is no eppic here; --config FILE has rules for the same job"),
  refused(value(undefined, "extension"), "plug-ins of makedumpfile are made for it alone"),
  refused(value(undefined, "xen-syms"), NO_XEN),
  refused(value(undefined, "xen-vmcoreinfo"), NO_XEN),
  refused(value(undefined, "xen_phys_start"), NO_XEN),
  refused(value(undefined, "diskset"), "`coresieve DISK1 DISK2 OUT` reads a disk set of sadump"),
  value(undefined, "message-level"),
  value(undefined, "vtop"),
  flag(undefined, "dump-dmesg"),
  flag(undefined, "partial-dmesg"),
  flag(undefined, "mem-usage"),
  flag(undefined, "check-params"),
  flag(undefined, "dry-run"),
  flag(undefined, "show-stats"),
];

/** An option as users write it: its name, or otherwise its letter. */
export function optionName({ short, long }: OptionSpec): string {
  return short === undefined ? `--${long}` : `-${short}`;
}
