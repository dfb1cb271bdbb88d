import { afterFile } from "./after-file.js";

/** Changes variables of this process's environment, and takes that back when the test file ends; `undefined` takes one away. */
export function setEnvironment(variables: NodeJS.ProcessEnv): void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  const set = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(variables)) set(name, value);
  afterFile(() => {
    for (const [name, value] of before) set(name, value);
  });
}
