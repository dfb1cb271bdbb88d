/** The bell of the queue, where an account's rights to its channel change. */
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { Bell, ringAll } from "../../src/queue/bell.js";
import { openQueues } from "../../src/queue/queues.js";
import { hasRedis, start, until } from "./support/queue.js";
import { freePort } from "./support/tls-redis.js";

/** Longer than any test may take: only the bell ends such a wait. */
const LONG = 2 ** 30;

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  test("an account that loses its right to the channel works on, and is woken again when it has it again", async () => {
    const port = await freePort();
    start("redis-server", ["--port", `${port}`, "--bind", "127.0.0.1", "--save", ""]);
    const admin = new Redis(port, { maxRetriesPerRequest: null });
    admin.on("error", () => undefined);
    await admin.call("ACL", "SETUSER", "worker", "on", ">pass", "~*", "&*", "+@all");
    const queues = await openQueues(`redis://worker:pass@127.0.0.1:${port}`);
    const bell = new Bell();
    onTestFinished(async () => {
      bell.close();
      await queues.close();
      admin.disconnect();
    });
    await bell.listen(queues);
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    // Redis cuts the connections of accounts that listen and may not any more.
    await admin.call("ACL", "SETUSER", "worker", "resetchannels");
    await until(async () => ((await admin.call("ACL", "LOG")) as unknown[]).length > 0);
    await admin.call("ACL", "SETUSER", "worker", "&*");
    await admin.client("KILL", "USER", "worker");
    const listens = async () => (await admin.pubsub("NUMSUB", "{coresieve}:bell"))[1] === 1;
    await until(async () => unhandled.length > 0 || (await listens()));
    expect(unhandled).toEqual([]);
    const waiting = bell.wait(LONG);
    await ringAll({ redis: admin });
    await waiting;
  });
});
