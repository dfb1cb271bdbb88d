/** What privacy reads that no other target does: the sheaves of caches, and input that is sealed for a receiver. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { markSheafObjects } from "../../src/kernel/objects/sheaves.js";
import { unpackStream } from "../../src/reader/source/packed/unpack.js";
import { BARN, SheafMachine, SIZE } from "../../test/support/sheaf-machine.js";
import { asFile } from "../files.js";
import type { FuzzTarget } from "../target.js";

function sheaves(old: boolean): Uint8Array {
  const machine = new SheafMachine(old);
  machine.sheaf(0x5000, [0x9000, 0x8000]);
  machine.sheaf(0x5100, [0x8040]);
  machine.sheaf(0x5200, [0xb000, 0xb040]);
  machine.give(0, 0, 0x5000);
  machine.give(1, 2, 0x5100);
  machine.list(BARN + 8, [0x5200]);
  return new Uint8Array(machine.bytes.buffer, 0, 0x6000);
}

/** The input is the machine's memory. Whatever is in it, the addresses are physical ones, ascending; a slab's marks stay in the slab. */
const sheavesTarget: FuzzTarget = {
  name: "sheaves",
  longest: 0x6000,
  seeds: () => [sheaves(false), sheaves(true)],
  run(input) {
    for (const old of [false, true]) {
      const machine = new SheafMachine(old);
      new Uint8Array(machine.bytes.buffer).set(input);
      const found = machine.find();
      if (found === undefined) continue;
      const wrong = found.addresses.some((at, i) => !(at >= (found.addresses[i - 1] ?? 0) && at < SIZE));
      if (wrong) throw new Error("an address of a sheaf is outside of the memory, or before the last one");
      const free = new Uint8Array(64);
      markSheafObjects(found, { start: 0x8000, count: 64, stride: 64 }, free, 2);
      if (free.length !== 64 || free.some((mark) => mark !== 0 && mark !== 2)) throw new Error("a mark that is none");
    }
  },
};

const sealedFile = (name: string) => new URL(`../../test/fixtures/sealed/${name}`, import.meta.url);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What an identity does not open whole is an error: no byte of what was changed is handed on. */
const sealedTarget: FuzzTarget = {
  name: "sealed",
  longest: 8192,
  reach: 500,
  seeds: () => [new Uint8Array(readFileSync(sealedFile("two-recipients.age")))],
  async run(input) {
    const identity = fileURLToPath(sealedFile("identity.txt"));
    const { packing, chunks } = await unpackStream(once(input), "fuzz", { salvage: false, identity });
    for await (const chunk of chunks) {
      if (packing?.includes("age") && chunk.length > input.length) throw new Error("more is opened than was sealed");
    }
  },
};

/** A file of identities that is damaged, for a sealed input that is not. */
const identitiesTarget: FuzzTarget = {
  name: "identities",
  text: true,
  longest: 2048,
  seeds: () => [new Uint8Array(readFileSync(sealedFile("identity.txt")))],
  async run(input) {
    const sealed = new Uint8Array(readFileSync(sealedFile("two-recipients.age")));
    const path = asFile("identities", input);
    const { chunks } = await unpackStream(once(sealed), "fuzz", { salvage: false, identity: path });
    for await (const chunk of chunks) if (chunk.length === 0) throw new Error("an empty piece");
  },
};

export const privacyTargets: readonly FuzzTarget[] = [sheavesTarget, sealedTarget, identitiesTarget];
