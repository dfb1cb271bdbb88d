/** Object stores, against OpenStack Swift with its s3api: a server that knows nothing of us, and checks every signature. */
import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { openInput } from "../../src/reader/open-input.js";
import { filterDump } from "../../src/run/filter-dump.js";
import { openStore } from "../../src/store/open-store.js";
import { Warnings } from "../../src/warnings.js";
import { expectFailure, runCli, startCli } from "../support/cli.js";
import { dumpsPresent, mustNotSkip, realVmlinux } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";
import { startStoreProxy } from "./support/store-proxy.js";
import { startSwift, swiftPresent } from "./support/swift.js";

const BUCKET = "dumps";
const folder = temporaryFolder();
const file = join(folder, "vmcore");

test.runIf(mustNotSkip)("Swift is installed", () => expect(swiftPresent).toBe(true));

describe.skipIf(!swiftPresent)("Swift (skipped where python3-swift is not installed)", () => {
  let swift: Awaited<ReturnType<typeof startSwift>>;

  beforeAll(async () => {
    swift = await startSwift(BUCKET);
    writeFileSync(file, sampleDump());
    const Body = createReadStream(file);
    await swift.client.send(
      new PutObjectCommand({ Bucket: BUCKET, Key: "vmcore", Body, ContentLength: sampleDump().length }),
    );
  });
  afterAll(() => swift?.stop());

  /** The object's bytes, through our own reading. */
  async function objectOf(key: string): Promise<Buffer> {
    const store = openStore();
    const at = { bucket: BUCKET, key };
    const info = await store.head(at);
    const bytes = Buffer.alloc(info?.size ?? 0);
    await store.read(at, 0, bytes, info?.etag ?? "");
    await store.close();
    return bytes;
  }

  async function uploads(): Promise<number> {
    const store = openStore();
    const found = await store.listUploads({ bucket: BUCKET, key: "" });
    await store.close();
    return found.length;
  }

  test.each([
    ["kdump", "none", 0],
    ["kdump", "none", 31],
    ["kdump", "lzo", 31],
    ["kdump", "zlib", 31],
    ["elf", "none", 31],
  ] as const)("%s, %s, level %i: from store to store the bytes of a file", async (format, codec, level) => {
    const expected = join(folder, "expected");
    await filterFile(file, expected, { format, codec, level });
    const dump = await openInput(`s3://${BUCKET}/vmcore`, new Warnings());
    const output = { path: `s3://${BUCKET}/out`, force: true };
    const result = await filterDump(dump, { output, level, format, codec: codecOf(codec, undefined), workers: 2 });
    dump.close();
    expect((await objectOf("out")).equals(readFileSync(expected))).toBe(true);
    expect(result.upload?.bytesSent).toBe(result.outputBytes);
    // For ELF the kept pages are read twice: once to find those of zeros.
    if (level === 31) expect(result.fetched?.bytes).toBeLessThan(result.inputBytes * (format === "elf" ? 0.8 : 0.5));
    expect(await uploads()).toBe(0);
  });

  test("every command that reads a dump reads an object", async () => {
    const path = `s3://${BUCKET}/vmcore`;
    for (const command of ["info", "dmesg", "verify", "audit", "estimate"]) {
      const [remote, local] = [await runCli([command, path]), await runCli([command, file])];
      expect(remote.code, remote.stderr).toBe(local.code);
      const text = (run: typeof remote) =>
        run.stdout
          .toString()
          .replaceAll(path, file)
          .replace(/\d[\d.]* m?s/g, "")
          // Of an object info makes no estimate: it would fetch much.
          .replace(/^Shrinks to .*\n/m, "");
      if (command !== "estimate") expect(text(remote)).toBe(text(local));
    }
  });

  test.runIf(dumpsPresent)("a vmlinux is read in place; two objects are compared", async () => {
    const vmlinux = await realVmlinux();
    const put = (Key: string, Body: Buffer) => swift.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }));
    await put("vmlinux", readFileSync(vmlinux));
    const [remote, local] = [`s3://${BUCKET}/vmlinux`, vmlinux].map((path) => ["info", file, "-x", path, "--json"]);
    const found = await runCli(remote as string[]);
    expect(found.stdout.toString(), found.stderr).toBe((await runCli(local as string[])).stdout.toString());
    const small = join(folder, "small");
    await filterFile(file, small, { codec: "lzo" });
    await put("small", readFileSync(small));
    const verified = await runCli(["verify", `s3://${BUCKET}/small`, "--against", `s3://${BUCKET}/vmcore`]);
    expect(verified.code, verified.stderr).toBe(0);
    expect(verified.stdout.toString()).toContain("nothing is wrong");
  });

  test("a run that was killed is gone on with", async () => {
    const expected = join(folder, "expected");
    await filterFile(file, expected, { level: 0 });
    // When the first part is in the store.
    const endpoint = process.env["AWS_ENDPOINT_URL"] as string;
    const proxy = await startStoreProxy(endpoint);
    process.env["AWS_ENDPOINT_URL"] = proxy.endpoint;
    const run = startCli([file, `s3://${BUCKET}/killed`, "-d", "0", "--compress", "none"]);
    process.env["AWS_ENDPOINT_URL"] = endpoint;
    const onMet = () => run.child.kill("SIGKILL");
    proxy.faults = [{ method: "PUT", match: /partNumber=/, times: 1, what: "lost", onMet }];
    expect((await run.ended).signal).toBe("SIGKILL");
    proxy.stop();
    const { upload } = await filterFile(file, { path: `s3://${BUCKET}/killed` }, { level: 0 });
    expect(upload?.resumed).toBeGreaterThanOrEqual(1);
    expect(upload?.bytesSent).toBeLessThan(readFileSync(expected).length);
    expect((await objectOf("killed")).equals(readFileSync(expected))).toBe(true);
    expect(await uploads()).toBe(0);
  });

  test("unfinished uploads are listed and aborted", async () => {
    const store = openStore();
    const at = { bucket: BUCKET, key: "left" };
    const { uploadId: id } = await store.createUpload(at);
    await store.uploadPart(at, id, 1, new Uint8Array(5 * 2 ** 20));
    await store.close();
    expect((await runCli(["uploads", `s3://${BUCKET}`])).stdout.toString()).toContain(`s3://${BUCKET}/left: 1 parts`);
    expect((await runCli(["uploads", "--abort", `s3://${BUCKET}/left`])).code).toBe(0);
    expect((await runCli(["uploads", `s3://${BUCKET}`])).stdout.toString()).toBe("No unfinished uploads\n");
  });

  test("what is there, what is not, and what the account may not do is said", async () => {
    expectFailure(await runCli([file, `s3://${BUCKET}/vmcore`]), 1, "exists already");
    expectFailure(await runCli(["info", `s3://${BUCKET}/none`]), 1, "there is no such object");
    expectFailure(await runCli([file, "s3://no-such-bucket/out"]), 1, "bucket");
    const secret = process.env["AWS_SECRET_ACCESS_KEY"];
    process.env["AWS_SECRET_ACCESS_KEY"] = "wrong-secret";
    const run = await runCli(["info", `s3://${BUCKET}/vmcore`]);
    process.env["AWS_SECRET_ACCESS_KEY"] = secret;
    expectFailure(run, 1, "cannot be read");
    expect(run.stderr).not.toContain("wrong-secret");
  });
});
