/** TLS to stores and to Redis: a private authority's certificate, and what is said about a wrong one. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { expectFailure, runCli } from "../support/cli.js";
import { type S3Double, startS3Double } from "../support/s3-double.js";
import { sampleDump } from "../support/sample.js";
import { folder, hasRedis } from "./support/queue.js";
import { tlsRedis } from "./support/tls-redis.js";

const CA = join(folder, "ca.pem");
const NAMES = ["good", "other", "expired"] as const;

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("openssl", args, { cwd: folder });
  expect(status, String(stderr)).toBe(0);
}

/** Key and certificate, signed by the private authority. */
function certificate(name: string, host: string, days: number): void {
  const files = ["-keyout", `${name}.key`, "-out", `${name}.csr`];
  openssl("req", "-newkey", "rsa:2048", "-nodes", ...files, "-subj", `/CN=${name}`);
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${host}`);
  const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", String(days)];
  openssl("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, "-extfile", `${name}.ext`, ...signed);
}

beforeAll(() => {
  const files = ["-keyout", "ca.key", "-out", "ca.pem"];
  openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", ...files, "-subj", "/CN=a private authority");
  certificate("good", "DNS:localhost,IP:127.0.0.1", 2);
  certificate("other", "DNS:other.example", 2);
  certificate("expired", "DNS:localhost", -1);
});
afterEach(() => {
  delete process.env["NODE_EXTRA_CA_CERTS"];
});

const text = (name: string) => readFileSync(join(folder, name), "utf8");

describe("a store", () => {
  const doubles = new Map<string, S3Double>();
  beforeAll(async () => {
    for (const name of NAMES) {
      const double = await startS3Double({ key: text(`${name}.key`), cert: text(`${name}.pem`) });
      await double.put("dumps/vmcore", sampleDump());
      doubles.set(name, double);
    }
  });
  afterAll(async () => {
    for (const double of doubles.values()) await double.stop();
  });
  const info = (name: string, change = (url: string) => url) => {
    process.env["AWS_ENDPOINT_URL"] = change(doubles.get(name)?.endpoint ?? "");
    return runCli(["info", "s3://dumps/vmcore"]);
  };

  test("with a private authority's certificate is read where Node is told of it", async () => {
    const refused = await info("good");
    expectFailure(refused, 1, "Node does not trust the signer", "Set NODE_EXTRA_CA_CERTS to a PEM file");
    process.env["NODE_EXTRA_CA_CERTS"] = CA;
    const run = await info("good");
    expect(run.code, run.stderr).toBe(0);
  });

  test("with another host's certificate, an old one, or without TLS is refused with the reason", async () => {
    process.env["NODE_EXTRA_CA_CERTS"] = CA;
    expectFailure(await info("other"), 1, "for another name: DNS:other.example", "AWS_ENDPOINT_URL");
    expectFailure(await info("expired"), 1, "its certificate has expired");
    expectFailure(await info("good", (url) => url.replace("https", "http")), 1, "https:// where it speaks TLS");
    const plain = await startS3Double();
    process.env["AWS_ENDPOINT_URL"] = plain.endpoint.replace("http", "https");
    expectFailure(await runCli(["info", "s3://dumps/vmcore"]), 1, "does not speak TLS", "Write http://");
    await plain.stop();
  });
});

describe.skipIf(!hasRedis)("Redis (skipped where redis-server is not installed)", () => {
  test("is spoken with by rediss:// and a password; a wrong certificate is told at once", async () => {
    const at = (name: string) => ({ key: join(folder, `${name}.key`), cert: join(folder, `${name}.pem`), ca: CA });
    const good = await tlsRedis(at("good"), "a-password");
    expectFailure(await runCli(["jobs", "--redis", good]), 1, "Redis does not answer", "NODE_EXTRA_CA_CERTS");
    process.env["NODE_EXTRA_CA_CERTS"] = CA;
    const run = await runCli(["jobs", "--redis", good]);
    expect(run.code, run.stderr).toBe(0);
    const other = await tlsRedis(at("other"), "a-password");
    expectFailure(await runCli(["jobs", "--redis", other]), 1, "for another name: DNS:other.example");
  });
});
