import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { useStore } from "../../support/s3-double.js";

const script = fileURLToPath(new URL("../swift-server.py", import.meta.url));
/** Debian's own, for Debian's Swift. */
const python = "/usr/bin/python3";
export const swiftPresent = existsSync("/usr/lib/python3/dist-packages/swift/proxy");
/** With CI=true a server that is missing is a failure and no reason to skip. */
const { CI } = process.env;
if (!swiftPresent && CI === "true") throw new Error("Swift is not installed: apt-get install python3-swift");

/** Another store to try by hand, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: `TEST_S3_ENDPOINT=http://127.0.0.1:9000`. */
const { TEST_S3_ENDPOINT: other, AWS_ACCESS_KEY_ID: id = "", AWS_SECRET_ACCESS_KEY: secret = "" } = process.env;

/** Where a server runs: by another command (`ip netns exec NAME`), at an address that this has. */
export interface ServerPlace {
  readonly by: readonly string[];
  readonly address: string;
}

/** Starts Swift with one bucket, and makes the environment name it. */
export async function startSwift(
  bucket: string,
  { by, address }: ServerPlace = { by: [], address: "127.0.0.1" },
): Promise<{ client: S3Client; stop(): Promise<void> }> {
  if (other !== undefined) {
    useStore(other, id, secret);
    const client = await clientOf(other, id, secret, "us-east-1", bucket);
    return { client, stop: async () => client.destroy() };
  }
  const folder = mkdtempSync(join(tmpdir(), "coresieve-swift-"));
  const [command, ...args] = [...by, python, script, folder, `${address}:0`];
  const server = spawn(command as string, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const [line] = await Promise.race([
    new Promise<[string]>((resolve) => createInterface(server.stdout).once("line", (text) => resolve([text]))),
    ended.then(() => Promise.reject(new Error("Swift did not start"))),
  ]);
  const { endpoint, accessKeyId, secretAccessKey, region } = JSON.parse(line) as Record<string, string>;
  useStore(endpoint as string, accessKeyId as string, secretAccessKey as string, region);
  const client = await clientOf(
    endpoint as string,
    accessKeyId as string,
    secretAccessKey as string,
    region as string,
    bucket,
  );
  return {
    client,
    async stop() {
      client.destroy();
      server.stdin.end();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function clientOf(
  endpoint: string,
  accessKeyId: string,
  secretAccessKey: string,
  region: string,
  bucket: string,
) {
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    // Swift refuses the trailers that the SDK sends by itself.
    requestChecksumCalculation: "WHEN_REQUIRED",
    credentials: { accessKeyId, secretAccessKey },
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return client;
}
