/** Keys in use: what contexts of ciphers and hashes have in kmalloc memory, which nothing but their users leads to. */
import { expect, test, vi } from "vitest";
import { cipherReader } from "../../../src/filter/privacy/cipher-keys.js";
import { privateObjects } from "../../../src/filter/privacy/private-objects.js";
import type { KernelView } from "../../../src/kernel/kernel-view.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";
import * as slabs from "../../../src/kernel/objects/slab-walk.js";
import { cacheOf, dumpOf, machine, piecesOf, space, walkOver } from "../../support/fake-machine.js";

const slab = {
  cache: cacheOf("kmalloc-256", 256),
  ...{ start: 0x8000, count: 4, end: 0x9000, extensions: undefined, free: new Uint8Array([0, 0, 0, 1]) },
} as unknown as Slab;

vi.mock("../../../src/kernel/objects/slab-walk.js", async (original) => ({
  ...(await original<object>()),
  slabWalk: () => walkOver(slab),
}));

const TYPES = {
  "crypto_tfm.__crt_alg": [24, 8],
  "crypto_tfm.__crt_ctx": [32, 0],
  "crypto_alg.cra_list": [0, 16],
  "crypto_alg.cra_type": [16, 8],
  "crypto_type.tfmsize": [0, 4],
} as const;

/** A list of two algorithms: a simple one, and one whose type has 8 bytes before the cipher. */
function ciphers(symbols: Readonly<Record<string, number>>) {
  const guest = machine({ init_task: 0, ...symbols }, TYPES);
  guest.point(0x100, 0x1000);
  guest.point(0x1000, 0x2000);
  guest.point(0x2000, 0x100);
  guest.point(0x2010, 0x3000);
  guest.view.setUint32(0x3000, 8, true);
  for (let i = 0; i < 0x1000; i++) guest.view.setUint8(0x8000 + i, 0x41);
  return guest;
}

test("contexts go but for the kernel's addresses in them; other objects and free ones are as they were", () => {
  const guest = ciphers({ crypto_alg_list: 0x100 });
  guest.point(0x8000 + 24, 0x1000);
  guest.point(0x8000 + 64, 0x8100);
  guest.point(0x8100 + 32, 0x2000);
  // An algorithm of the second type that is where one of the first would be.
  guest.point(0x8200 + 24, 0x2000);
  const { view, kernel } = guest;
  const found = privateObjects(dumpOf(view), {} as KernelView, space, kernel, undefined)?.found.get("keys");
  expect(found && piecesOf(found.list)).toEqual([
    [0x8020, 0x8040],
    [0x8048, 0x8100],
    [0x8128, 0x8200],
  ]);
  expect(found?.objects).toBe(2);
});

test("tables that follow from a key and lie elsewhere: each is an object of its own, found from its cipher's context", () => {
  const types = { ...TYPES, "crypto_alg.cra_driver_name": [24, 128], "lrw_tfm_ctx.table": [16, 8] } as const;
  const guest = machine({ init_task: 0, crypto_alg_list: 0x100 }, types);
  guest.point(0x100, 0x1000);
  guest.point(0x1000, 0x100);
  Buffer.from(guest.view.buffer).write("lrw(ecb(aes-generic))\0", 0x1018, "latin1");
  const objects = { ...slab, free: new Uint8Array(4) };
  vi.spyOn(slabs, "slabWalk").mockReturnValue(walkOver(objects) as never);
  for (let i = 0; i < 0x400; i++) guest.view.setUint8(0x8000 + i, 0x41);
  guest.point(0x8000 + 24, 0x1000);
  guest.point(0x8000 + 32 + 16, 0x8100);
  guest.point(0x8100, 0x8300);
  const { view, kernel } = guest;
  const keys = () => privateObjects(dumpOf(view), {} as KernelView, space, kernel, undefined)?.found.get("keys");
  const found = keys();
  expect(found && piecesOf(found.list)).toEqual([
    [0x8020, 0x8030],
    [0x8038, 0x8200],
    [0x8300, 0x8400],
  ]);
  // Another cipher with such a pointer has no tables.
  Buffer.from(guest.view.buffer).write("xts", 0x1018, "latin1");
  expect(piecesOf(keys()?.list as never)).toEqual([
    [0x8020, 0x8030],
    [0x8038, 0x8100],
  ]);
});

test("without the list of algorithms nothing is taken for a cipher", () => {
  expect(cipherReader(space, ciphers({}).kernel)).toBeUndefined();
  expect(cipherReader(space, machine({ crypto_alg_list: 0x4000 }, TYPES).kernel)).toBeUndefined();
});
