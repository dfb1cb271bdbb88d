import type { Command } from "./command.js";
import type { CommandName } from "./options/option.js";

/** The commands by name. Each is loaded only when it is used: most runs only filter. */
const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  audit: async () => (await import("./commands/audit.js")).auditCommand,
  bench: async () => (await import("./commands/bench.js")).benchCommand,
  handover: async () => (await import("./commands/handover.js")).handoverCommand,
  filter: async () => (await import("./commands/filter.js")).filterCommand,
  dmesg: async () => (await import("./commands/dmesg.js")).dmesgCommand,
  verify: async () => (await import("./commands/verify.js")).verifyCommand,
  report: async () => (await import("./commands/report.js")).reportCommand,
  estimate: async () => (await import("./commands/estimate.js")).estimateCommand,
  split: async () => (await import("./commands/split.js")).splitCommand,
  reassemble: async () => (await import("./commands/reassemble.js")).reassembleCommand,
  rearrange: async () => (await import("./commands/rearrange.js")).rearrangeCommand,
  completion: async () => (await import("./commands/completion.js")).completionCommand,
  submit: async () => (await import("./commands/submit.js")).submitCommand,
  worker: async () => (await import("./commands/worker.js")).workerCommand,
  jobs: async () => (await import("./commands/jobs.js")).jobsCommand,
  plan: async () => (await import("./commands/plan.js")).planCommand,
  shard: async () => (await import("./commands/shard.js")).shardCommand,
  finish: async () => (await import("./commands/finish.js")).finishCommand,
  staging: async () => (await import("./commands/staging.js")).stagingCommand,
  uploads: async () => (await import("./commands/uploads.js")).uploadsCommand,
  help: async () => (await import("./commands/help.js")).helpCommand,
  info: async () => (await import("./commands/info.js")).infoCommand,
};

/** The command of that name, if there is one. */
export async function commandNamed(name: string | undefined): Promise<Command | undefined> {
  return name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name as CommandName]() : undefined;
}
