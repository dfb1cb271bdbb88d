/** Users' registers at the top of kernel stacks, and of CPUs in notes: what goes, and what stays. */
import { expect, test } from "vitest";
import { withoutUserRegisters } from "../../../src/filter/privacy/private-notes.js";
import { registerFrame, userRegisters } from "../../../src/filter/privacy/register-frame.js";
import { kernelVersion } from "../../../src/kernel/version.js";
import type { Machine } from "../../../src/reader/machine.js";

const x86 = { arch: "x86_64", wordSize: 8, littleEndian: true } as Machine;
const s390x = { arch: "s390x", wordSize: 8, littleEndian: false } as Machine;

/** The end of a stack: no word is like another, so that there are no copies of registers. */
function stack(fill: (view: DataView) => void): DataView {
  const view = new DataView(new ArrayBuffer(4096));
  for (let at = 0; at < 4096; at += 4) view.setUint32(at, 0xaaaa_0000 + at);
  fill(view);
  return view;
}

function frameAt(machine: Machine, view: DataView) {
  const frame = registerFrame(machine, kernelVersion(6, 12), undefined);
  if (frame === undefined) throw new Error("no frame");
  return userRegisters(view, frame);
}

test.each([0, 16])("x86-64, with %s bytes above: all but the selectors", (pad) => {
  const start = 4096 - pad - 168;
  const pieces = frameAt(
    x86,
    stack((view) => {
      view.setBigUint64(start + 136, 0x33n, true);
      view.setBigUint64(start + 160, 0x2bn, true);
    }),
  );
  expect(pieces).toEqual([
    [start, start + 136],
    [start + 144, start + 160],
  ]);
});

test("x86-64: a kernel thread's stack has nothing of a user's", () => {
  expect(frameAt(x86, new DataView(new ArrayBuffer(4096)))).toEqual([]);
  const kernel = stack((view) => {
    view.setBigUint64(4096 - 32, 0x10n, true);
    view.setBigUint64(4096 - 8, 0x18n, true);
    view.setBigUint64(4096 - 48, 0x10n, true);
  });
  expect(frameAt(x86, kernel)).toEqual([]);
});

test.each([176, 184, 192, 200])("s390x: the size of struct pt_regs is found by the user's PSW: %s", (size) => {
  const start = 4096 - size;
  const pieces = frameAt(
    s390x,
    stack((view) => view.setBigUint64(start + 8, 0x0705_2001_8000_0000n)),
  );
  expect(pieces).toEqual([
    [start, start + 8],
    [start + 16, start + 160],
  ]);
});

test("machines whose frames are not known say so; a size out of the kernel's types is taken where it makes sense", () => {
  const ppc = { arch: "ppc64", wordSize: 8, littleEndian: true } as Machine;
  expect(registerFrame({ ...ppc, arch: "mips64" } as Machine, kernelVersion(6, 1), 500)).toBeUndefined();
  expect(registerFrame(ppc, kernelVersion(6, 1), undefined)).toBeUndefined();
  expect(registerFrame(ppc, kernelVersion(6, 1), 392)?.sizes).toEqual([400]);
  expect(registerFrame(x86, kernelVersion(6, 1), 4)?.sizes).toEqual([168]);
});

test.each([
  ["user mode", 0x33n, true],
  ["the kernel", 0x10n, false],
])("NT_PRSTATUS of a CPU in %s", (_, selector, cleared) => {
  const area = new Uint8Array(400).fill(0xaa);
  const desc = area.subarray(20, 20 + 336);
  new DataView(area.buffer).setBigUint64(20 + 112 + 17 * 8, selector as bigint, true);
  const note = { name: "CORE", type: 1, desc, descOffset: 20 };
  const result = withoutUserRegisters({ notes: [note], machine: x86 }, area, 1n << 63n);
  expect(result.cleared).toBe(cleared ? 1 : 0);
  const registers = result.noteArea.subarray(20 + 112, 20 + 112 + 17 * 8);
  expect(registers.every((byte) => byte === (cleared ? 0 : 0xaa))).toBe(true);
  expect(result.noteArea[20 + 112 + 17 * 8]).toBe(Number(selector));
  expect(result.noteArea.subarray(0, 20 + 112).every((byte) => byte === 0xaa)).toBe(true);
  expect(area[20 + 112], "the input's area is as it was").toBe(0xaa);
});
