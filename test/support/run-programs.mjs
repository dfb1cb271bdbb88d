// Runs programs one after another in this process, each from its first line: stdin has [[PATH, WORD, ...], ...], stdout gets how each ended.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const ENDED = Symbol("process.exit");
const { exit } = process;
const printed = {
  stdout: process.stdout.write.bind(process.stdout),
  stderr: process.stderr.write.bind(process.stderr),
};

async function run([path, ...words], number) {
  const end = { status: 0, stdout: "", stderr: "" };
  process.argv = [process.execPath, path, ...words];
  process.exitCode = undefined;
  process.exit = (code) => {
    end.status = code ?? process.exitCode ?? 0;
    throw ENDED;
  };
  for (const name of ["stdout", "stderr"])
    process[name].write = (text) => {
      end[name] += text;
      return true;
    };
  try {
    // What it imports is loaded once for all of them.
    await import(`${pathToFileURL(path)}?${number}`);
    end.status = process.exitCode ?? 0;
  } catch (error) {
    if (error !== ENDED) {
      end.status = 1;
      end.stderr += error.stack;
    }
  }
  return end;
}

const ends = [];
for (const [number, words] of JSON.parse(readFileSync(0, "utf8")).entries()) ends.push(await run(words, number));
process.stdout.write = printed.stdout;
process.stdout.write(JSON.stringify(ends), () => exit(0));
