import {
  type KernelObjects,
  memberAddress,
  readMember,
  readPossibleMember,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import type { SearchSteps } from "./search-steps.js";

/** HID_REPORT_TYPES, HID_MAX_IDS and HID_MAX_FIELDS. */
const REPORT_TYPES = 3;
const MAX_REPORTS = 256;
const MAX_FIELDS = 256;
const VALUE = 4;
/** Bytes of the values of a field, at most HID_MAX_USAGES: more than its report has, where each value is a byte or a bit. */
export const MAX_VALUES = VALUE * 12_288;

/** An array of values. */
export interface FieldValues {
  readonly address: bigint | undefined;
  readonly length: number;
}

/**
 * What each field of a device's reports said last (struct hid_device): keys that are pressed, the data of readers of cards and codes. The types are those of
 * the module hid.
 */
export function* fieldValues(kernel: KernelObjects, hid: bigint, steps: SearchSteps): Generator<FieldValues> {
  const { memory } = kernel;
  for (let type = 0; type < REPORT_TYPES; type++) {
    const list = memberAddress(kernel, "hid_device", hid, `report_enum[${type}].report_list`);
    if (list === undefined) return;
    for (const report of walkList(kernel, list, "hid_report", "list", MAX_REPORTS)) {
      const count = Math.min(Number(readMember(kernel, "hid_report", report, "maxfield") ?? 0n), MAX_FIELDS);
      for (let i = 0; i < count; i++) {
        if (!steps.take()) return;
        const field = readMember(kernel, "hid_report", report, `field[${i}]`);
        if (!field || !memory.isKernelAddress(field)) continue;
        const length = VALUE * Number(readMember(kernel, "hid_field", field, "report_count") ?? 0n);
        yield { address: readMember(kernel, "hid_field", field, "value"), length };
        // 5.17 and later.
        yield { address: readPossibleMember(kernel, "hid_field", field, "new_value"), length };
      }
    }
  }
}
