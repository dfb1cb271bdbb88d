/** /proc is not there, or something else has its place, as in containers and in roots that debootstrap made. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../support/filter.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = join(root, "dist/cli/main.js");
const folder = temporaryFolder();
const canHide = spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/proc"]).status === 0;

/** Runs the program in a mount namespace in which /proc is a new folder, made by `how`. */
function run(how: string, ...args: string[]) {
  const script = `mount -t tmpfs none /proc && cd /proc && ${how} && cd "$0" && exec "$@"`;
  const { status, stderr } = spawnSync(
    "unshare",
    ["-m", "sh", "-c", script, folder, process.execPath, program, ...args],
    { encoding: "utf8" },
  );
  expect({ status, stderr }).toMatchObject({ status: 0 });
}

beforeAll(() => {
  const dump = brotliDecompressSync(readFileSync(join(root, "samples/linux-6.1-x86_64.vmcore.br")));
  writeFileSync(join(folder, "vmcore"), dump);
  expect(spawnSync(process.execPath, [program, "vmcore", "expected", "-q"], { cwd: folder }).status).toBe(0);
});

const hidden = test.skipIf(!canHide);
const isExpected = (name: string) =>
  expect(readFileSync(join(folder, name))).toEqual(readFileSync(join(folder, "expected")));

hidden.each([
  ["is empty", "true"],
  ["leads in a circle", "ln -s self self"],
  ["has a file where the descriptors are", "mkdir self && echo > self/fd"],
  ["has no descriptors", "mkdir -p self/fd"],
  ["has other folders' links", "mkdir -p self/fd && for n in $(seq 0 99); do ln -s /tmp self/fd/$n; done"],
])("/proc %s: the output is the same (skipped unless mounts may be made)", (_, how) => {
  run(how, "vmcore", "out", "-q", "-f", "--manifest", "out.json");
  isExpected("out");
});

hidden("all that writes files does without /proc (skipped unless mounts may be made)", () => {
  const how = "ln -s self self";
  run(how, "vmcore", "packed", "-q", "--pack", "gzip");
  run(how, "handover", "vmcore", "handed", "-q");
  run(how, "split", "vmcore", "one", "two", "-q");
  run(how, "plan", "vmcore", "sharded", "--shards", "2", "--staging", "staging");
  for (const index of ["0", "1"]) run(how, "shard", "staging", index);
  run(how, "finish", "staging");
  isExpected("sharded");
});
