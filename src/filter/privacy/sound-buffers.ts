import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { moduleNamed, moduleSymbol, withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

const MAX_DEVICES = 1 << 12;
/** Devices, streams and controls together. */
const MAX_STEPS = 1 << 18;
/** Larger ones are no slab objects: they are dropped. */
const MAX_BUFFER = 1 << 18;
/** SNDRV_SEQ_MAX_CLIENTS, and the largest CONFIG_SND_MAX_CARDS. */
const CLIENTS = 192;
const CARDS = 256;

/** A list, and a function that adds memory to it. */
function collector(space: AddressSpace, { memory }: KernelObjects) {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const erase = (address: bigint | undefined, length: number) => {
    if (!address || !memory.isKernelAddress(address) || length <= 0 || length > MAX_BUFFER) return;
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
  };
  return { found, erase };
}

/** What programs wrote to MIDI devices, and have not read from them. `undefined` if types or symbols do not lead there. */
export function midiBuffers(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): ScrubList | undefined {
  const { found, erase } = collector(space, base);
  const wanted = { module: "snd_rawmidi", type: "snd_rawmidi_runtime", variable: "snd_rawmidi_devices" };
  const driver = withModule(base, wanted);
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  for (const device of walkList(kernel, at, "snd_rawmidi", "list", MAX_DEVICES)) {
    for (const side of ["streams[0]", "streams[1]"]) {
      const streams = memberAddress(kernel, "snd_rawmidi", device, `${side}.substreams`);
      if (streams === undefined) return undefined;
      for (const stream of walkList(kernel, streams, "snd_rawmidi_substream", "list", MAX_DEVICES)) {
        if (!steps.take()) return undefined;
        const run = readMember(kernel, "snd_rawmidi_substream", stream, "runtime");
        if (!run || !kernel.memory.isKernelAddress(run)) continue;
        const length = Number(readMember(kernel, "snd_rawmidi_runtime", run, "buffer_size") ?? 0n);
        erase(readMember(kernel, "snd_rawmidi_runtime", run, "buffer"), length);
      }
    }
  }
  return found;
}

/** Events of ALSA's sequencer, in the pools of its clients. */
export function sequencerEvents(space: AddressSpace, base: KernelObjects): ScrubList | undefined {
  const { found, erase } = collector(space, base);
  const driver = withModule(base, { module: "snd_seq", type: "snd_seq_client", variable: "clienttab" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { memory, types } = kernel;
  const size = types.sizeOf("snd_seq_event_cell");
  if (size === undefined) return undefined;
  const pool = (address: bigint | undefined) => {
    if (!address || !memory.isKernelAddress(address)) return;
    const cells = Number(readMember(kernel, "snd_seq_pool", address, "total_elements") ?? 0n);
    erase(readMember(kernel, "snd_seq_pool", address, "ptr"), cells * size);
  };
  for (let i = 0; i < CLIENTS; i++) {
    const client = memory.readWord(at + BigInt(i * memory.wordSize));
    if (!client || !memory.isKernelAddress(client)) continue;
    // A place of the table is no pointer to a client unless that has its number.
    if (Number(readMember(kernel, "snd_seq_client", client, "number") ?? -1n) !== i) continue;
    pool(readMember(kernel, "snd_seq_client", client, "pool"));
    // A program's; one of the kernel has a pointer of another kind there, and no queue.
    if (readMember(kernel, "snd_seq_client", client, "type") !== 1n) continue;
    const queue = readMember(kernel, "snd_seq_client", client, "data.user.fifo");
    if (queue && memory.isKernelAddress(queue)) pool(readMember(kernel, "snd_seq_fifo", queue, "pool"));
  }
  return found;
}

/** Values that programs gave to controls of sound cards which they made themselves. Names of controls stay. */
export function soundControls(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): ScrubList | undefined {
  const { found, erase } = collector(space, base);
  const driver = withModule(base, { module: "snd", type: "user_element", variable: "snd_cards" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { memory } = kernel;
  const module = base.symbols.address("snd_cards") === undefined ? moduleNamed(base, "snd") : undefined;
  const name = "snd_ctl_elem_user_free";
  const ofPrograms = module === undefined ? base.symbols.address(name) : moduleSymbol(kernel, module, name);
  if (ofPrograms === undefined) return undefined;
  const number = (type: string, address: bigint, path: string) => Number(readMember(kernel, type, address, path) ?? 0n);
  for (let i = 0; i < CARDS; i++) {
    const card = memory.readWord(at + BigInt(i * memory.wordSize));
    if (!card || !memory.isKernelAddress(card) || number("snd_card", card, "number") !== i) continue;
    const controls = memberAddress(kernel, "snd_card", card, "controls");
    if (controls === undefined) return undefined;
    for (const control of walkList(kernel, controls, "snd_kcontrol", "list", MAX_STEPS)) {
      if (!steps.take()) return undefined;
      const element = readMember(kernel, "snd_kcontrol", control, "private_data");
      if (!element || readMember(kernel, "snd_kcontrol", control, "private_free") !== ofPrograms) continue;
      const values = number("user_element", element, "elem_data_size") * number("snd_kcontrol", control, "count");
      erase(readMember(kernel, "user_element", element, "elem_data"), values);
      erase(readMember(kernel, "user_element", element, "tlv_data"), number("user_element", element, "tlv_data_size"));
      const names = number("user_element", element, "info.value.enumerated.names_length");
      erase(readMember(kernel, "user_element", element, "priv_data"), names);
    }
  }
  return found;
}
