/** Running the command line within this process: a tenth of what a process of its own takes. For tests whose subject is not the process itself. */
import { vi } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";
import { explain } from "../../src/cli/explain.js";
import { exitCodeOf } from "../../src/cli/stop.js";
import { speakAs } from "../../src/option-words.js";
import { standardThreads, WorkerThreads } from "../../src/worker/threads.js";
import { afterFile } from "./after-file.js";
import type { CliEnd } from "./cli.js";

let threads: WorkerThreads | undefined;

/** As many as a filter run takes by default. */
function ownThreads(): WorkerThreads {
  if (threads !== undefined) return threads;
  const started = new WorkerThreads(standardThreads());
  threads = started;
  afterFile(async () => {
    threads = undefined;
    await started.destroy();
  });
  return started;
}

/** What the program does with these arguments, as `main.ts` has it; nothing may go to stdout but text, and nothing come from stdin. */
export async function runHere(args: readonly string[], { cwd = process.cwd() } = {}): Promise<CliEnd> {
  const printed = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const said = () => ({ stdout: Buffer.concat(printed.stdout), stderr: Buffer.concat(printed.stderr).toString() });
  const before = process.cwd();
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      printed[name].push(Buffer.from(text as string));
      return true;
    }),
  );
  process.chdir(cwd);
  speakAs("commandLine");
  try {
    const run = await parseCommandLine(args, {
      signal: new AbortController().signal,
      get threads() {
        return ownThreads();
      },
    });
    const code = (await run()) ?? 0;
    return { code, ...said() };
  } catch (error) {
    const { stdout, stderr } = said();
    return { code: exitCodeOf(error, undefined), stdout, stderr: `${stderr}coresieve: ${explain(error)}\n` };
  } finally {
    process.chdir(before);
    for (const spy of spies) spy.mockRestore();
  }
}
