/** A campaign of calls that go wrong: `npm run faults -- --calls`. Counts only runs in which the fault really happened. */
import { join } from "node:path";
import { Inputs, SMALL } from "../inputs.js";
import { chosenFault, groupOf } from "./call-cases.js";
import { type CallRun, type CallStage, runCall, undisturbed } from "./run-call.js";
import { SCENARIOS } from "./scenarios.js";
import { compileShim } from "./shim.js";

export interface CampaignSettings {
  readonly runs: number;
  readonly first: number;
  readonly jobs: number;
  readonly verbose: boolean;
  /** Part of a scenario's name: only those. */
  readonly only: string;
}

interface Row {
  runs: number;
  hit: number;
  problems: number;
  readonly outcomes: Map<string, number>;
}

/** Seeds 0, 1, 2, … take the scenarios in turn. */
export const scenarioOf = (seed: number, scenarios = SCENARIOS) =>
  scenarios[seed % scenarios.length] as (typeof SCENARIOS)[number];

/** The stage of a campaign below an empty folder; undefined where there is no gcc. */
export function callStage(root: string, folder: string): CallStage | undefined {
  const library = compileShim(root, folder);
  if (library === undefined) return undefined;
  return { folder, root, library, inputs: new Inputs(join(folder, "inputs"), SMALL), undisturbed: new Map() };
}

/** Runs it, and prints what was wrong with each run that had a problem, then tables. True where there was none. */
export async function callCampaign(stage: CallStage, settings: CampaignSettings): Promise<boolean> {
  const scenarios = SCENARIOS.filter(({ name }) => name.includes(settings.only));
  const groups = new Map<string, Row>();
  const names = new Map<string, Row>();
  let next = settings.first;
  let stopping = false;
  // What was found until then is printed.
  process.once("SIGTERM", () => {
    stopping = true;
  });
  const lane = async () => {
    while (!stopping && next < settings.first + settings.runs) {
      const seed = next++;
      const scenario = scenarioOf(seed, scenarios);
      const fault = chosenFault(seed, (await undisturbed(stage, scenario)).calls, scenario.sharded === true);
      const run = await runCall(stage, scenario, fault);
      for (const [table, key] of [
        [groups, groupOf(fault)],
        [names, scenario.name],
      ] as const)
        add(table, key, run);
      const line = `seed ${seed}: ${scenario.name}: ${JSON.stringify(fault)}`;
      if (run.problem !== undefined && run.hits > 0) console.log(`PROBLEM ${line}: ${run.problem}`);
      else if (settings.verbose) console.log(`${line}: ${run.hits} hits, ${run.outcome}: ${run.stderr.trim()}`);
    }
  };
  await Promise.all(Array.from({ length: settings.jobs }, lane));
  print("fault", groups);
  print("run", names);
  const all = [...groups.values()];
  const sum = (of: (row: Row) => number) => all.reduce((total, row) => total + of(row), 0);
  console.log(
    `${sum(({ runs }) => runs)} runs from seed ${settings.first}, the fault was hit in ${sum(({ hit }) => hit)}; problems: ${sum(({ problems }) => problems)}`,
  );
  return all.every(({ problems }) => problems === 0);
}

function add(table: Map<string, Row>, key: string, { hits, problem, outcome }: CallRun): void {
  const row = table.get(key) ?? { runs: 0, hit: 0, problems: 0, outcomes: new Map() };
  table.set(key, row);
  row.runs++;
  if (hits === 0) return;
  row.hit++;
  if (problem !== undefined) row.problems++;
  else row.outcomes.set(outcome, (row.outcomes.get(outcome) ?? 0) + 1);
}

function print(title: string, table: ReadonlyMap<string, Row>): void {
  console.log(`\n| ${title} | runs | hit | what came out | problems |\n|---|---|---|---|---|`);
  for (const [key, { runs, hit, outcomes, problems }] of [...table].sort(([a], [b]) => a.localeCompare(b))) {
    const ends = [...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(", ");
    console.log(`| ${key} | ${runs} | ${hit} | ${ends} | ${problems} |`);
  }
}
