import { formatBytes } from "../byte-size.js";
import { readableTime } from "../readable-time.js";
import { registersText } from "../run/cpu-notes.js";
import { outputFormatFacts } from "../writer/output-format.js";
import { type Html, html, NOTHING } from "./html.js";
import { count } from "./page/words.js";
import type { ReportData } from "./report-data.js";
import { bar, percent } from "./tables.js";

export function warningsSection({ warnings }: ReportData): Html {
  if (warnings.length === 0) return NOTHING;
  const items = warnings.map(
    (one) => html`<li>${one.message}${one.count > 1 ? ` (${count(one.count)})` : ""} <code>${one.code}</code></li>`,
  );
  return html`<section class="warnings" aria-labelledby="warnings"><h2 id="warnings">Warnings</h2><ul>${items}</ul></section>`;
}

/** Why the machine crashed: the first thing that readers want to know. */
export function crashSection({ log: { crash, missing } }: ReportData): Html {
  if (missing !== undefined) return NOTHING;
  if (crash === undefined) {
    return html`<p class="small">The kernel's log has no panic: the machine ran when it was dumped, or its log was overwritten.</p>`;
  }
  const { reason, panic, task, cpu, at, nanoseconds } = crash;
  const where = [
    task && `Task ${task.comm} (pid ${task.pid})`,
    cpu === undefined ? undefined : `CPU ${cpu}`,
    at && `in ${at}`,
    nanoseconds === undefined ? undefined : `${(Number(nanoseconds / 1_000_000n) / 1000).toFixed(1)} s after boot`,
  ].filter((one) => one !== undefined);
  return html`<section class="warnings crash" aria-labelledby="crash"><h2 id="crash">Why it crashed</h2>
<p class="big"><code>${reason}</code></p>
${panic === undefined ? NOTHING : html`<p><code>${panic}</code></p>`}
<p>${where.join(", ")}</p></section>`;
}

/** The stages of a run, the slowest first. */
export function stagesSection({ run, inputBytes }: ReportData): Html {
  if (run === undefined) return NOTHING;
  const all = run.stages.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = [...run.stages]
    .sort((a, b) => b.seconds - a.seconds)
    .map(
      ({ name, seconds }) =>
        html`<tr><th scope="row">${name}</th><td>${seconds.toFixed(2)} s</td><td>${bar(seconds / Math.max(1e-9, all))} ${percent(seconds, all)}</td></tr>`,
    );
  const rate = run.seconds > 0 ? `: ${formatBytes(Math.round(inputBytes / run.seconds))} of input a second` : "";
  return html`<section aria-labelledby="stages"><h2 id="stages">Time</h2>
<div class="wide" tabindex="0" role="region" aria-labelledby="stages"><table><thead><tr><th scope="col">Stage</th><th scope="col">Time</th><th scope="col">Share</th></tr></thead><tbody>${rows}</tbody></table></div>
<p class="small">${run.seconds.toFixed(2)} s in all${rate}. "This report" is what the run took longer because of --report.</p></section>`;
}

/** The most rows of ranges and notes that are shown. */
const MOST_ROWS = 64;

export function kernelSection({ machine, description, files, pageSize, run }: ReportData): Html {
  const hex = (value: number) => `0x${value.toString(16)}`;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["Dump", `${files.join(", ")}: ${description}`],
    [
      "Output",
      run && `${run.output}: ${outputFormatFacts(run.format).label}${run.format === "kdump" ? `, ${run.codec}` : ""}`,
    ],
    ["Kernel", machine.release],
    ["Built", machine.kernelVersion],
    ["Build ID", machine.buildId],
    ["Host", machine.host === "" ? undefined : machine.host === "(none)" ? "no name was set" : machine.host],
    [
      "Crash time",
      machine.crashTime === undefined
        ? "not known (a dump of a live machine has none)"
        : readableTime(machine.crashTime),
    ],
    ["Machine", `${machine.arch}, ${machine.bits}-bit, ${machine.byteOrder} endian`],
    [
      "CPUs",
      machine.cpus === 0
        ? undefined
        : `${machine.cpus}${registersText({ cpus: machine.cpus, withRegisters: machine.cpusWithRegisters })}`,
    ],
    ["Pages", formatBytes(pageSize)],
    ["Memory model", machine.memoryModel],
    ["Memory", `${formatBytes(machine.memoryBytes)} in ${count(machine.ranges.length)} ranges`],
    ["VMCOREINFO", machine.vmcoreinfoItems === 0 ? "none" : `${count(machine.vmcoreinfoItems)} items`],
  ];
  const terms = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [html`<div><dt>${name}</dt><dd>${value}</dd></div>`],
  );
  const ranges = machine.ranges
    .slice(0, MOST_ROWS)
    .map(({ start, end }) => html`<li><code>${hex(start)} &#8211; ${hex(end)}</code> ${formatBytes(end - start)}</li>`);
  const notes = machine.notes
    .slice(0, MOST_ROWS)
    .map(({ name, type, size }) => html`<li><code>${name}</code> type ${hex(type)}, ${count(size)} bytes</li>`);
  const more = (all: number) => (all > MOST_ROWS ? html`<li>and ${count(all - MOST_ROWS)} more</li>` : NOTHING);
  return html`<section aria-labelledby="kernel"><h2 id="kernel">Kernel and machine</h2>
<dl>${terms}</dl>
<details><summary>Memory ranges (${machine.ranges.length})</summary><ul>${ranges}${more(machine.ranges.length)}</ul></details>
<details><summary>Notes (${machine.notes.length})</summary><ul>${notes}${more(machine.notes.length)}</ul></details></section>`;
}

export function logSection({ log }: ReportData): Html {
  const body =
    log.missing !== undefined
      ? html`<p>${log.missing}</p>`
      : html`<p class="small">The last ${log.lines.length} records; ${count(log.before)} came before. <code>coresieve dmesg</code> prints all.</p>
<div class="end" tabindex="0" role="region" aria-labelledby="log"><pre>${log.lines.join("")}</pre></div>`;
  return html`<section aria-labelledby="log"><h2 id="log">End of the kernel log</h2>${body}</section>`;
}
