/** plan, shard and finish with Swift, when the way to it fails: the bytes of a single run, or a failure that says what, and nothing is left. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { filterFile, type RunOptions } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";
import { folder, PROGRAM, start } from "./support/queue.js";
import { type StoreFault, type StoreProxy, startStoreProxy } from "./support/store-proxy.js";
import { startSwift, swiftPresent } from "./support/swift.js";

const IN = "s3://dumps/in/vmcore";
const OUT = "s3://dumps/out/small";
const RUN = "s3://dumps/runs/one";
/** 33 MB in parts of 8 MiB, so that shards send parts. */
const PARTS = ["-d", "0", "--compress", "none"];
const LZO = ["-d", "31", "-l"];

/** One fault for each kind of request, at the input and at what the run writes; each is met by the first such request. */
function faults(what: StoreFault["what"], times = 1): StoreFault[] {
  const input = { method: "GET", match: /in\/vmcore/, times, what };
  // These are about bodies that come, and that about one that is sent.
  const methods =
    what === "cut" || what === "slow"
      ? ["GET"]
      : what === "broken"
        ? ["PUT"]
        : ["GET", "HEAD", "PUT", "DELETE", "POST"];
  return [input, ...methods.map((method) => ({ method, match: /out|runs/, times, what }))];
}

describe.skipIf(!swiftPresent)("with Swift (skipped where it is not installed)", () => {
  const file = join(folder, "vmcore");
  const known = new Map<readonly string[], Buffer>();
  let swift: Awaited<ReturnType<typeof startSwift>>;
  let proxy: StoreProxy;

  beforeAll(async () => {
    writeFileSync(file, sampleDump());
    swift = await startSwift("dumps");
    proxy = await startStoreProxy(process.env["AWS_ENDPOINT_URL"] as string);
    for (const [args, run] of [
      [PARTS, { codec: "none", level: 0 }],
      [LZO, { codec: "lzo" }],
    ] as readonly (readonly [readonly string[], RunOptions])[]) {
      await filterFile(file, join(folder, "whole"), run);
      known.set(args, readFileSync(join(folder, "whole")));
    }
  });
  afterAll(async () => {
    proxy?.stop();
    await swift?.stop();
  });
  beforeEach(async () => {
    Object.assign(proxy, { faults: [], latency: 0, met: 0 });
    await put(sampleDump());
    await swift.client.send(new DeleteObjectCommand({ Bucket: "dumps", Key: "out/small" }));
  });

  const put = (Body: Buffer) => swift.client.send(new PutObjectCommand({ Bucket: "dumps", Key: "in/vmcore", Body }));
  const left = async () => {
    const { Contents = [] } = await swift.client.send(new ListObjectsV2Command({ Bucket: "dumps" }));
    const { Uploads = [] } = await swift.client.send(new ListMultipartUploadsCommand({ Bucket: "dumps" }));
    return [...Contents, ...Uploads].map(({ Key }) => Key);
  };
  /** A command of a process of its own, by the proxy: it has to answer while that waits. */
  const step = async (...args: string[]) => {
    const env = { AWS_ENDPOINT_URL: proxy.endpoint, CORESIEVE_S3_PATIENCE: "2" };
    const run = start(process.execPath, [PROGRAM, ...args], env);
    return { code: await run.ended, said: run.said() };
  };
  const expectWhole = async (args: readonly string[]) => {
    proxy.faults = [];
    const { Body } = await swift.client.send(new GetObjectCommand({ Bucket: "dumps", Key: "out/small" }));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(known.get(args) as Buffer)).toBe(true);
    await expectNothingLeft("in/vmcore", "out/small");
    await swift.client.send(new DeleteObjectCommand({ Bucket: "dumps", Key: "out/small" }));
  };
  const expectNothingLeft = async (...but: string[]) => {
    expect(await step("staging", RUN, "--clean")).toMatchObject({ code: 0 });
    expect(await left()).toEqual(but);
  };
  const stepsOf = (args: readonly string[]): readonly (readonly string[])[] => [
    ["plan", IN, OUT, ...args, "--shards", "2", "--staging", RUN],
    ["shard", RUN, "0"],
    ["shard", RUN, "1"],
    ["finish", RUN],
  ];

  test.each(["slow", "cut", "broken", "reset", "lost", 500, 503] as const)(
    "%s, once for each kind of request of each step: nothing fails by it",
    async (what) => {
      for (const args of stepsOf(PARTS)) {
        proxy.faults = faults(what);
        expect(await step(...args)).toMatchObject({ code: 0 });
      }
      // Of each step one at least, and of those that read the input two.
      expect(proxy.met).toBeGreaterThanOrEqual(what === "broken" ? 4 : 7);
      await expectWhole(PARTS);
    },
  );

  test.each(["cut", 503, 403] as const)(
    "%s, for longer than the patience: each step fails, says of what, with 75, and is done when it is begun again",
    async (what) => {
      for (const args of stepsOf(LZO)) {
        proxy.faults = faults(what, Number.POSITIVE_INFINITY);
        expect(await step(...args)).toMatchObject({
          code: 75,
          said: expect.stringContaining("coresieve: s3://dumps/"),
        });
        proxy.faults = [];
        expect(await step(...args)).toMatchObject({ code: 0 });
      }
      await expectWhole(LZO);
    },
  );

  test("another object's ETag in the middle of the input: plan and shard say that it changed, with 1", async () => {
    for (const args of stepsOf(LZO)) {
      proxy.faults = [{ method: "GET", match: /in\/vmcore/, times: 1, what: "etag" }];
      const reads = args[0] !== "finish";
      const { code, said } = await step(...args);
      expect([args[0], code]).toEqual([args[0], reads ? 1 : 0]);
      if (reads) expect(said).toContain("was replaced while it was read");
      proxy.faults = [];
      expect(await step(...args)).toMatchObject({ code: 0 });
    }
    expect(proxy.met).toBe(3);
    await expectWhole(LZO);
  });

  test("the input is replaced between two steps: the shard fails with 1, and clean leaves nothing", async () => {
    const [plan = [], first = [], second = []] = stepsOf(LZO);
    for (const args of [plan, first]) expect(await step(...args)).toMatchObject({ code: 0 });
    const other = sampleDump();
    other[other.length - 1] = (other[other.length - 1] ?? 0) ^ 1;
    await put(other);
    expect(await step(...second)).toMatchObject({ code: 1, said: expect.stringContaining("in/vmcore") });
    await expectNothingLeft("in/vmcore");
  });
});
