/** The style of the page, for screens of any width and for A4 paper. */
export const PAGE_STYLE = `
:root { color-scheme: light; --ink: #1a1c1e; --dim: #565b61; --line: #c9ced4; --good: #0b6b3a; --note: #f4f6f8; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 46rem; background: #fff; color: var(--ink); font: 1rem/1.5 system-ui, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 1.8rem 0 .4rem; }
p { margin: .4rem 0; }
.verdict { border: 2px solid var(--good); border-radius: .4rem; padding: .7rem 1rem; margin: 1rem 0; }
.verdict b { color: var(--good); font-size: 1.1rem; }
.dim, td small { color: var(--dim); }
td small { display: block; font-size: .875rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .5rem .35rem 0; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--dim); font-weight: 600; font-size: .875rem; }
th[scope=row] { font-weight: 600; }
th[scope=row] small { display: block; font-weight: 400; font-size: .875rem; color: var(--dim); }
.num { text-align: right; white-space: nowrap; padding-right: 0; padding-left: .75rem; font-variant-numeric: tabular-nums; }
ul { padding-left: 1.2rem; margin: .4rem 0; }
li { margin: .2rem 0; }
code, pre, .sum { font-family: ui-monospace, "Liberation Mono", Menlo, monospace; font-size: .8125rem; }
.sum { font-size: .75rem; }
.sum, code { overflow-wrap: anywhere; }
pre { background: var(--note); padding: .6rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .25rem 1rem; margin: .5rem 0; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
.sign { display: grid; grid-template-columns: 2fr 1fr 2fr; gap: 1.5rem; margin-top: 3.5rem; }
.sign div { border-top: 1px solid var(--ink); padding-top: .25rem; color: var(--dim); font-size: .875rem; }
footer { margin-top: 2rem; color: var(--dim); font-size: .8125rem; }
@media (max-width: 34rem) {
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .4rem; }
  .sign { grid-template-columns: 1fr; gap: 3rem; }
}
@page { size: A4; margin: 16mm 18mm 18mm; }
@media print {
  html { font-size: 9.5pt; }
  body { max-width: none; padding: 0; line-height: 1.35; }
  h2 { margin-top: 1.1rem; break-after: avoid; }
  th, td { padding-top: .2rem; padding-bottom: .2rem; }
  tr, li, .verdict, .last, pre { break-inside: avoid; }
  pre { border: 1px solid var(--line); background: none; }
}
`;
