/** Texts that programs gave to traces and to BPF, what earlier kernels left, the key of EVM. */
import { expect, test } from "vitest";
import { earlierRecords } from "../../../src/filter/privacy/earlier-records.js";
import { keyPayloads } from "../../../src/filter/privacy/key-payloads.js";
import { programTexts } from "../../../src/filter/privacy/program-texts.js";
import { SearchSteps } from "../../../src/filter/privacy/search-steps.js";
import { traceHistograms } from "../../../src/filter/privacy/trace-histograms.js";
import { watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import { BASE, machine, NO_FILES, piecesOf, space } from "../../support/fake-machine.js";

const STREAMS = {
  "idr.idr_rt.xa_head": [0, 8],
  "xa_node.slots": [16, 512, 64],
  "bpf_prog.aux": [8, 8],
  "bpf_prog_aux.stream[0].log.first": [0, 8],
  "bpf_prog_aux.stream[0].backlog_head": [8, 8],
  "bpf_prog_aux.stream[1].log.first": [16, 8],
  "bpf_prog_aux.stream[1].backlog_head": [24, 8],
  bpf_stream_elem: [0, 16],
  "bpf_stream_elem.node": [0, 8],
  "bpf_stream_elem.total_len": [8, 4],
  "bpf_stream_elem.str": [16, 0],
} as const;

test("BPF: what programs printed into their streams and nobody read", () => {
  const guest = machine({ init_task: 0x40, prog_idr: 0x100 }, STREAMS);
  guest.point(0x100, 0x1000);
  guest.point(0x1008, 0x2000);
  guest.point(0x2000, 0x3000);
  guest.point(0x3000, 0x3100);
  guest.point(0x2018, 0x3200);
  for (const [at, length] of [
    [0x3000, 32],
    [0x3100, 48],
    [0x3200, 64],
  ] as const)
    guest.view.setUint32(at + 8, length, true);
  const found = programTexts(space, guest.kernel);
  expect(found && piecesOf(found.list)).toEqual([
    [0x3010, 0x3030],
    [0x3110, 0x3140],
    [0x3210, 0x3250],
  ]);
  // A circle ends.
  guest.point(0x3100, 0x3000);
  expect(programTexts(space, guest.kernel, new SearchSteps(100))).toBeUndefined();
  guest.word(0x3100, 0x1234n);
  const watched = watchedKernel(guest.kernel);
  programTexts(space, watched.kernel);
  expect(watched.cut).toBe(true);
  expect(programTexts(space, machine({}, STREAMS).kernel)).toBeUndefined();
});

test("BPF: what each CPU printed last, by symbols of a vmlinux, too, which do not say where a variable ends", () => {
  const symbols = { bpf_bprintf_bufs: 0x40n, __per_cpu_offset: 0x200, __cpu_possible_mask: 0x300 };
  const found = (types: Parameters<typeof machine>[1], sized = true) => {
    const guest = machine(symbols, types);
    guest.word(0x300, 1n);
    guest.point(0x200, 0x8000);
    Object.assign(guest.kernel.symbols, {
      nearest: (at: bigint) => (sized ? { name: "", offset: (at - BASE) % 0x100n } : undefined),
    });
    const texts = programTexts(space, guest.kernel);
    return texts && piecesOf(texts.list).map(([from = 0, to = 0]) => to - from);
  };
  // Since 6.2 the type is that of a level; until 6.1 it has all of them, or there is none.
  expect(found({ bpf_bprintf_buffers: [0, 1536] }, false)).toEqual([3 * 1536]);
  expect(found({ bpf_bprintf_buffers: [0, 1536], "bpf_bprintf_buffers.tmp_bufs": [0, 1536] }, false)).toEqual([1536]);
  expect(found({}, false)).toEqual([1536]);
  // Without the symbols of variables nobody knows; without BPF there are none.
  expect(programTexts(space, machine({}, { bpf_prog_aux: [0, 8] }).kernel)).toBeUndefined();
  expect(programTexts(space, machine({}, {}).kernel)?.objects).toBe(0);
});

const HISTOGRAMS = {
  "#ETT_EVENT_HIST": [8, 0],
  hist_trigger_data: [0, 64],
  "trace_array.list": [0, 16],
  "trace_array.events": [16, 16],
  "trace_event_file.list": [0, 16],
  "trace_event_file.triggers": [16, 16],
  "event_trigger_data.list": [0, 16],
  "event_trigger_data.cmd_ops": [16, 8],
  "event_trigger_data.private_data": [24, 8],
  "event_command.trigger_type": [0, 4],
  "hist_trigger_data.map": [0, 8],
  "tracing_map.key_size": [0, 4],
  "tracing_map.max_elts": [4, 4],
  "tracing_map.elts": [8, 8],
  "tracing_map_array.entry_shift": [0, 4],
  "tracing_map_array.entry_mask": [4, 4],
  "tracing_map_array.entry_size_shift": [8, 4],
  "tracing_map_elt.key": [0, 8],
  "tracing_map_elt.private_data": [8, 8],
  "hist_elt_data.comm": [0, 8],
  "hist_elt_data.n_field_var_str": [8, 4],
} as const;

/** An event has two triggers, of which the second is a histogram of two elements. */
function histogram(pages: number, texts: number) {
  const guest = machine(
    { ftrace_trace_arrays: 0x100 },
    { ...HISTOGRAMS, "tracing_map_array.pages": [16, pages], "hist_elt_data.field_var_str": [16, texts] },
  );
  const list = (head: number, ...entries: number[]) => {
    [head, ...entries].forEach((one, i) => {
      guest.point(one, entries[i] ?? head);
    });
  };
  list(0x100, 0x1000);
  list(0x1010, 0x1100);
  list(0x1110, 0x1200, 0x1240);
  guest.point(0x1210, 0x1300);
  guest.point(0x1250, 0x1308);
  guest.view.setUint32(0x1300, 4, true);
  guest.view.setUint32(0x1308, 8, true);
  guest.point(0x1258, 0x1400);
  guest.point(0x1400, 0x1500);
  guest.view.setUint32(0x1500, 200, true);
  guest.view.setUint32(0x1504, 2, true);
  guest.point(0x1508, 0x1600);
  guest.view.setUint32(0x1600, 9, true);
  guest.view.setUint32(0x1604, 511, true);
  guest.view.setUint32(0x1608, 3, true);
  if (pages === 8) guest.point(0x1610, 0x1700);
  guest.point(pages === 8 ? 0x1700 : 0x1610, 0x1800);
  guest.point(0x1800, 0x1900);
  guest.point(0x1808, 0x1940);
  guest.point(0x1900, 0x4000);
  guest.point(0x1940, 0x5000);
  guest.point(0x1908, 0x2000);
  guest.point(0x2000, 0x6000);
  guest.view.setUint32(0x2008, 1, true);
  if (texts === 8) guest.point(0x2010, 0x2100);
  guest.point(texts === 8 ? 0x2100 : 0x2010, 0x7000);
  return guest;
}

test.each([
  [8, 8],
  [0, 0],
])("traces: what histograms count by, and texts that they keep (%d, %d)", (pages, texts) => {
  const guest = histogram(pages, texts);
  const found = traceHistograms(space, guest.kernel, () => NO_FILES);
  expect(found && piecesOf(found.list)).toEqual([
    [0x4000, 0x40c8],
    [0x5000, 0x50c8],
    [0x6000, 0x6010],
    [0x7000, 0x7100],
  ]);
  expect(traceHistograms(space, guest.kernel, () => NO_FILES, new SearchSteps(3))).toBeUndefined();
  expect(traceHistograms(space, machine({}, HISTOGRAMS).kernel, () => NO_FILES)).toBeUndefined();
});

test("traces: what histograms keep of the event for which they took a snapshot", () => {
  const types = {
    ...HISTOGRAMS,
    "tracing_map_array.pages": [16, 8],
    "hist_elt_data.field_var_str": [16, 8],
    "trace_array.cond_snapshot": [32, 8],
    "cond_snapshot.cond_data": [0, 8],
    "track_data.key_len": [0, 4],
    "track_data.key": [8, 8],
    "track_data.elt.private_data": [16, 8],
  } as const;
  const guest = machine({ ftrace_trace_arrays: 0x100 }, types);
  guest.point(0x100, 0x1000);
  guest.point(0x1000, 0x100);
  guest.point(0x1010, 0x1010);
  guest.point(0x1020, 0x1100);
  guest.point(0x1100, 0x1200);
  guest.view.setUint32(0x1200, 200, true);
  guest.point(0x1208, 0x4000);
  guest.point(0x1210, 0x1300);
  guest.point(0x1300, 0x5000);
  const found = traceHistograms(space, guest.kernel, () => NO_FILES);
  expect(found && piecesOf(found.list)).toEqual([
    [0x4000, 0x40c8],
    [0x5000, 0x5010],
  ]);
  // A key that is longer than any.
  guest.view.setUint32(0x1200, 1 << 20, true);
  const watched = watchedKernel(guest.kernel);
  traceHistograms(space, watched.kernel, () => NO_FILES);
  expect(watched.cut).toBe(true);
});

/** What is erased: where, and how many bytes. */
function eraser() {
  const erased: [number, number][] = [];
  const erase = (address: bigint | undefined, length: number) => {
    if (address) erased.push([Number(address - BASE), length]);
  };
  return { erased, erase };
}

test("pstore: files of earlier kernels, and what ramoops copied", () => {
  const types = {
    pstore_private: [0, 32],
    pstore_record: [0, 64],
    ramoops_context: [0, 64],
    "pstore_private.list": [0, 16],
    "pstore_private.record": [16, 8],
    "pstore_record.buf": [0, 8],
    "pstore_record.size": [8, 8],
    "pstore_record.ecc_notice_size": [16, 8],
    "ramoops_context.dprzs": [0, 8],
    "ramoops_context.max_dump_cnt": [8, 4],
    "ramoops_context.fprzs": [16, 8],
    "ramoops_context.max_ftrace_cnt": [24, 4],
    "ramoops_context.cprz": [32, 8],
    "ramoops_context.mprz": [40, 8],
    "persistent_ram_zone.old_log": [0, 8],
    "persistent_ram_zone.old_log_size": [8, 8],
  } as const;
  const guest = machine({ init_task: 0x40, records_list: 0x100, oops_cxt: 0x200 }, types);
  guest.point(0x100, 0x1000);
  guest.point(0x1000, 0x100);
  guest.point(0x1010, 0x1100);
  guest.point(0x1100, 0x4000);
  guest.word(0x1108, 100n);
  guest.word(0x1110, 20n);
  guest.point(0x200, 0x1200);
  guest.view.setUint32(0x208, 2, true);
  guest.point(0x1208, 0x1300);
  guest.point(0x228, 0x1310);
  for (const [zone, log] of [
    [0x1300, 0x5000],
    [0x1310, 0x6000],
  ] as const) {
    guest.point(zone, log);
    guest.word(zone + 8, 48n);
  }
  const { erased, erase } = eraser();
  expect(earlierRecords(guest.kernel, erase)).toBeUndefined();
  expect(erased).toEqual([
    [0x4000, 120],
    [0x5000, 48],
    [0x6000, 48],
  ]);
  expect(earlierRecords(machine({}, types).kernel, erase)).toBe("what earlier kernels left (pstore)");
  expect(earlierRecords(machine({ init_task: 0x40 }, {}).kernel, erase)).toBeUndefined();
  // Where symbols are those of functions, nothing is known.
  expect(earlierRecords(machine({}, {}).kernel, erase)).toBe("what earlier kernels left (pstore)");
});

test("pstore until 4.11: the text is behind the file's own data; a kernel that has the type, but no such list, is named", () => {
  const types = {
    pstore_private: [0, 48],
    "pstore_private.list": [0, 16],
    "pstore_private.size": [40, 8],
    "pstore_private.data": [48, 0],
  } as const;
  const guest = machine({ init_task: 0x40, allpstore: 0x100 }, types);
  guest.point(0x100, 0x1000);
  guest.point(0x1000, 0x100);
  guest.word(0x1028, 100n);
  const { erased, erase } = eraser();
  expect(earlierRecords(guest.kernel, erase)).toBeUndefined();
  expect(erased).toEqual([[0x1030, 100]]);
  expect(earlierRecords(machine({ init_task: 0x40 }, types).kernel, erase)).toBe("what earlier kernels left (pstore)");
});

test("pstore before 4.12: ramoops's zones of then, and no member is missed", () => {
  const types = {
    pstore_private: [0, 32],
    ramoops_context: [0, 64],
    "pstore_private.list": [0, 16],
    "pstore_private.size": [16, 8],
    "pstore_private.data": [24, 0],
    "ramoops_context.przs": [0, 8],
    "ramoops_context.max_dump_cnt": [8, 4],
    "ramoops_context.cprz": [16, 8],
    "ramoops_context.fprz": [24, 8],
    "persistent_ram_zone.old_log": [0, 8],
    "persistent_ram_zone.old_log_size": [8, 8],
  } as const;
  const guest = machine({ init_task: 0x40, allpstore: 0x100, oops_cxt: 0x200 }, types);
  guest.point(0x100, 0x1000);
  guest.point(0x1000, 0x100);
  guest.word(0x1010, 100n);
  guest.point(0x200, 0x1200);
  guest.view.setUint32(0x208, 1, true);
  guest.point(0x1200, 0x1300);
  guest.point(0x218, 0x1310);
  for (const [zone, log] of [
    [0x1300, 0x5000],
    [0x1310, 0x6000],
  ] as const) {
    guest.point(zone, log);
    guest.word(zone + 8, 48n);
  }
  const watched = watchedKernel(guest.kernel);
  const { erased, erase } = eraser();
  const missing = earlierRecords(watched.kernel, erase);
  expect([missing, watched.cut]).toEqual([undefined, false]);
  expect(erased).toEqual([
    [0x1018, 100],
    [0x5000, 48],
    [0x6000, 48],
  ]);
  expect(earlierRecords(machine({ init_task: 0x40 }, types).kernel, () => {})).toBe(
    "what earlier kernels left (pstore)",
  );
});

test("pstore on a block device: what was found there, and what is to be written", () => {
  const types = {
    psz_context: [0, 64],
    "psz_context.kpszs": [0, 8],
    "psz_context.ppsz": [8, 8],
    "psz_context.cpsz": [16, 8],
    "psz_context.fpszs": [24, 8],
    "psz_context.kmsg_max_cnt": [32, 4],
    "psz_context.ftrace_max_cnt": [36, 4],
    "pstore_zone.buffer": [0, 8],
    "pstore_zone.oldbuf": [8, 8],
    "pstore_zone.buffer_size": [16, 8],
    "psz_buffer.datalen": [4, 4],
    "psz_buffer.data": [12, 0],
  } as const;
  const guest = machine({ init_task: 0x40, pstore_zone_cxt: 0x200 }, types);
  guest.point(0x200, 0x1000);
  guest.view.setUint32(0x220, 1, true);
  guest.point(0x1000, 0x1100);
  guest.point(0x1100, 0x4000);
  guest.word(0x1110, 1000n);
  guest.point(0x210, 0x1200);
  guest.point(0x1208, 0x5000);
  guest.word(0x1210, 1000n);
  guest.view.setUint32(0x5004, 100, true);
  const look = () => {
    const watched = watchedKernel(guest.kernel);
    const erased: [number, number][] = [];
    const missing = earlierRecords(watched.kernel, (at, length) => at && erased.push([Number(at - BASE), length]));
    return { missing, erased, cut: watched.cut };
  };
  const [buffer, old] = [
    [0x400c, 1000],
    [0x500c, 100],
  ];
  expect(look()).toEqual({ missing: undefined, erased: [buffer, old], cut: false });
  // More than the zone has, and more zones than there can be.
  guest.view.setUint32(0x5004, 2000, true);
  expect(look()).toEqual({ missing: undefined, erased: [buffer], cut: true });
  guest.view.setUint32(0x5004, 100, true);
  guest.view.setUint32(0x220, 1 << 13, true);
  expect(look().cut).toBe(true);
});

test("the key by which attributes of files are signed (EVM) lies in a variable of the kernel", () => {
  const guest = machine({ key_serial_tree: 0x100, evmkey: 0x800 }, { "key.payload.data[0]": [0, 8] });
  const words = keyPayloads(guest.kernel)?.words ?? [];
  expect([words[0], words.length]).toEqual([BASE + 0x800n, 16]);
});
