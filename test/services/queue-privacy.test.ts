/** Privacy through a queue: workers on several hosts write what one run writes, also when one of them is killed in the middle. */
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { realDump } from "../support/dumps.js";
import { folderQueue, input, output } from "./support/folder-queue.js";
import { coresieve, folder, hasRedis, over, submit } from "./support/queue.js";

const queue = folderQueue();

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  // A kernel with types and symbols: strict recognises objects by them.
  beforeAll(async () => copyFileSync((await realDump("x86-6.12-tiny")).vmcore, input));

  test.each([
    ["-l --privacy strict --privacy-extra log,host --privacy-keep comm", "after rename shard-0001.size"],
    // An ELF file's sizes are known before its pages are packed: a shard leaves no file that says its own.
    ["-E --privacy strict", "after rename shard-0001.done"],
    ["-l --privacy --privacy-extra registers,tty", "after rename shard-0001.size"],
  ])(
    "%s: the bytes of one run, from three workers of which one is killed",
    { timeout: 120_000 },
    async (words, killAt) => {
      const options = words.split(" ");
      const id = submit(queue.redis.url, input, output, "--shards", "4", ...options);
      const victim = queue.work({ killAt });
      expect(await victim.ended).toBe("SIGKILL");
      queue.work();
      queue.work();
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
      const whole = join(folder, "whole");
      expect(coresieve(queue.redis.url, input, whole, "-f", "-q", ...options)).toMatchObject({ code: 0 });
      expect(readFileSync(output).equals(readFileSync(whole))).toBe(true);
      expect(existsSync(`${output}.coresieve-${id}`)).toBe(false);
    },
  );
});
