// A long campaign: CPU time is spread so that every target gets its goal, the one that lacks most first. What was done is kept in
// fuzz/campaign.json, which is committed: a campaign goes on from there, on another machine too. Inputs that reached something stay in out/fuzz.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SLOW_TO_BEGIN, TARGETS, WHOLE_RUNS } from "./target-list.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const path = `${root}fuzz/campaign.json`;
/** CPU seconds after which another target may be more in need. */
const SLICE = 120;
const LONG_SLICE = 300;

/** What was done until now; from nothing where `fresh` is true or nothing was. */
export function readCampaign(fresh) {
  const empty = { began: new Date().toISOString(), commits: [], targets: {} };
  if (fresh || !existsSync(path)) return empty;
  return JSON.parse(readFileSync(path, "utf8"));
}

function writeCampaign(campaign) {
  writeFileSync(`${path}.new`, `${JSON.stringify(campaign, undefined, 1)}\n`);
  renameSync(`${path}.new`, path);
}

const goalOf = (name, goals) => 60 * (WHOLE_RUNS.has(name) ? goals.runs : goals.each);
const spentOn = (name, campaign) => campaign.targets[name]?.cpuSeconds ?? 0;

/**
 * Runs slices until every target of `names` has its goal, in CPU minutes, or `isOver` says so. `slice` runs one target for a number
 * of CPU seconds and returns what it did, or undefined where its process broke.
 */
export async function runCampaign(names, { goals, fresh, isOver, lanes }, slice) {
  const campaign = readCampaign(fresh);
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
  if (!campaign.commits.includes(commit)) campaign.commits.push(commit);
  writeCampaign(campaign);
  const running = new Set();
  const broken = new Map();
  const next = () =>
    names
      .filter((name) => !running.has(name) && (broken.get(name) ?? 0) < 3)
      .map((name) => ({ name, left: goalOf(name, goals) - spentOn(name, campaign), goal: goalOf(name, goals) }))
      .filter(({ left }) => left > 1)
      .sort((a, b) => b.left / b.goal - a.left / a.goal)[0];
  const lane = async () => {
    for (let chosen = next(); chosen !== undefined && !isOver(); chosen = next()) {
      const { name, left } = chosen;
      running.add(name);
      const done = await slice(name, Math.min(left, SLOW_TO_BEGIN.has(name) ? LONG_SLICE : SLICE));
      running.delete(name);
      if (done === undefined) broken.set(name, (broken.get(name) ?? 0) + 1);
      else add(campaign, done);
      writeCampaign(campaign);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return campaign;
}

function add(campaign, { name, executions, branches, inputs, cpuSeconds, findings }) {
  const before = campaign.targets[name] ?? { executions: 0, branches: 0, inputs: 0, cpuSeconds: 0, findings: [] };
  campaign.targets[name] = {
    executions: before.executions + executions,
    branches: Math.max(before.branches, branches),
    inputs: Math.max(before.inputs, inputs),
    cpuSeconds: before.cpuSeconds + cpuSeconds,
    findings: [...new Set([...before.findings, ...findings])],
  };
}

/** The campaign as lines of a table, and what is missing. */
export function reportOf(campaign, goals) {
  const rows = TARGETS.filter((name) => campaign.targets[name] !== undefined).map((name) => ({
    name,
    ...campaign.targets[name],
  }));
  const sum = (of) => rows.reduce((total, row) => total + of(row), 0);
  const executions = sum((row) => row.executions);
  const cpu = sum((row) => row.cpuSeconds);
  const missing = TARGETS.filter((name) => spentOn(name, campaign) < goalOf(name, goals) - 1);
  return [
    "| target | inputs | per CPU second | branches reached | CPU min | findings |",
    "|---|---|---|---|---|---|",
    ...rows.map((row) => {
      const rate = Math.round(row.executions / Math.max(1, row.cpuSeconds));
      const minutes = (row.cpuSeconds / 60).toFixed(1);
      return `| ${row.name} | ${row.executions.toLocaleString("en")} | ${rate.toLocaleString("en")} | ${row.branches} | ${minutes} | ${row.findings.join(", ") || 0} |`;
    }),
    "",
    `${executions.toLocaleString("en")} inputs in ${(cpu / 3600).toFixed(2)} hours of CPU since ${campaign.began}, commits ${campaign.commits.join(", ")}; ` +
      `${sum((row) => row.findings.length)} findings; ` +
      (missing.length === 0 ? "every target has its time" : `still short of time: ${missing.join(", ")}`),
  ];
}
