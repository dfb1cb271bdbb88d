/**
 * Credentials as fleets have them, each from a fake of the endpoint that gives them: which the AWS SDK asks, and what
 * becomes of a run whose credentials end. (credential_process: credentials.test.ts.)
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { S3Access } from "../../src/store/s3-access.js";
import { S3Store } from "../../src/store/s3-store.js";
import { temporaryFolder } from "../support/filter.js";

const at = { bucket: "dumps", key: "vmcore" };
const bytes = Buffer.alloc(100_000, "of a dump, ");
const folder = temporaryFolder();
const servers: Server[] = [];
let runs = 0;

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(
  answer: (request: IncomingMessage, body: string) => [status: number, text: string | Buffer, headers?: object],
) {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const [status, text, headers = {}] = answer(request, body);
    response.writeHead(status, { ...headers });
    response.end(request.method === "HEAD" ? undefined : text);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the store accepts, what it saw, and what the endpoint of credentials gives and was asked. */
const state = { good: "", seen: [] as string[], lasts: 3_600_000, asked: 0, away: 0 };

/** Whether the endpoint is away for this request: it is for the next `state.away`. */
const isAway = () => state.away-- > 0;

beforeEach(async () => {
  Object.assign(state, { good: "token-1", seen: [], lasts: 3_600_000, asked: 0, away: 0 });
  const store = await serve(({ headers, method }) => {
    const token = headers["x-amz-security-token"]?.toString() ?? "";
    state.seen.push(token);
    if (state.good !== "" && token !== state.good)
      return [400, "<Error><Code>ExpiredToken</Code><Message>too old</Message></Error>"];
    if (method === "HEAD") return [200, "", { etag: '"e"', "content-length": bytes.length }];
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    const range = `bytes ${from}-${to}/${bytes.length}`;
    return [206, bytes.subarray(Number(from), Number(to) + 1), { etag: '"e"', "content-range": range }];
  });
  const home = join(folder, `home-${++runs}`);
  mkdirSync(join(home, ".aws"), { recursive: true });
  const none = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_EC2_METADATA_DISABLED",
  ];
  for (const name of [...none, "AWS_ENDPOINT_URL"]) vi.stubEnv(name, undefined);
  const env = { HOME: home, AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL_S3: store, CORESIEVE_S3_PATIENCE: "5" };
  for (const [name, value] of Object.entries({ ...env, AWS_EC2_METADATA_V1_DISABLED: "true" })) vi.stubEnv(name, value);
});

const set = (env: Readonly<Record<string, string>>) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
};
const expiration = () => new Date(Date.now() + state.lasts).toISOString();
/** The next credentials: token-1, token-2 … */
const next = () => ({
  AccessKeyId: "who",
  SecretAccessKey: "secret",
  Token: `token-${++state.asked}`,
  Expiration: expiration(),
});

/** The kinds, each of which makes the environment name its endpoint. */
const KINDS = {
  async "IMDSv2 of a virtual machine"() {
    const endpoint = await serve(({ method, url, headers }) => {
      if (isAway()) return [503, "not now"];
      if (method === "PUT" && url === "/latest/api/token") return [200, "of the session"];
      if (headers["x-aws-ec2-metadata-token"] !== "of the session") return [401, "no token"];
      if (url?.endsWith("/security-credentials/")) return [200, "role-of-the-fleet"];
      if (url?.endsWith("/role-of-the-fleet")) return [200, JSON.stringify({ Code: "Success", ...next() })];
      return [404, "nothing"];
    });
    set({ AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint });
  },
  async "EKS pod identity, and ECS"() {
    const token = join(folder, "pod-token");
    writeFileSync(token, "of the pod");
    const endpoint = await serve(({ headers }) => {
      if (isAway()) return [503, "not now"];
      return headers.authorization === "of the pod" ? [200, JSON.stringify(next())] : [401, "{}"];
    });
    set({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: token,
    });
  },
  async "web identity (IRSA)"() {
    const token = join(folder, "web-token");
    writeFileSync(token, "of the account");
    const endpoint = await serve((_, body) => {
      if (isAway()) return [503, "not now"];
      const asked = new URLSearchParams(body);
      if (asked.get("WebIdentityToken") !== readFileSync(token, "utf8"))
        return [403, "<Error><Code>AccessDenied</Code></Error>"];
      const { Token, ...others } = next();
      const inside = Object.entries({ ...others, SessionToken: Token }).map(
        ([name, value]) => `<${name}>${value}</${name}>`,
      );
      const result = `<Credentials>${inside.join("")}</Credentials>`;
      return [
        200,
        `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>${result}</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
        { "content-type": "text/xml" },
      ];
    });
    set({
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/fleet",
      AWS_ENDPOINT_URL_STS: endpoint,
    });
  },
  async "a profile of SSO"() {
    const endpoint = await serve(({ headers, url }) => {
      if (isAway()) return [503, "{}"];
      if (headers["x-amz-sso_bearer_token"] !== "of the user" || !url?.startsWith("/federation/credentials"))
        return [401, "{}"];
      const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken } = next();
      const roleCredentials = { accessKeyId, secretAccessKey, sessionToken, expiration: Date.now() + state.lasts };
      return [200, JSON.stringify({ roleCredentials }), { "content-type": "application/json" }];
    });
    const home = process.env["HOME"] as string;
    writeFileSync(
      join(home, ".aws/config"),
      `[sso-session fleet]\nsso_region = eu-west-1\nsso_start_url = https://fleet.awsapps.com/start\n[profile fleet]\nsso_session = fleet\nsso_account_id = 123456789012\nsso_role_name = fleet\nregion = eu-west-1\n`,
    );
    mkdirSync(join(home, ".aws/sso/cache"), { recursive: true });
    const name = createHash("sha1").update("fleet").digest("hex");
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
    writeFileSync(join(home, `.aws/sso/cache/${name}.json`), JSON.stringify({ accessToken: "of the user", expiresAt }));
    set({ AWS_PROFILE: "fleet", AWS_ENDPOINT_URL_SSO: endpoint });
  },
} as const;

const kinds = Object.entries(KINDS);

const reading = () => {
  const store = new S3Store(new S3Access(process.env));
  return async (offset: number) => {
    const into = Buffer.alloc(1000);
    await store.read(at, offset, into, '"e"');
    expect(into.equals(bytes.subarray(offset, offset + 1000))).toBe(true);
  };
};

test.each(kinds)(
  "%s: found, asked once, and asked again when the store says that they are too old",
  async (_, begin) => {
    await begin();
    const read = reading();
    await Promise.all([read(0), read(1000)]);
    await read(2000);
    expect(state.asked).toBe(1);
    state.good = "token-2";
    await Promise.all([read(3000), read(4000)]);
    expect(state.asked).toBe(2);
  },
);

test.each(kinds)("%s: those that say that they end are renewed before", async (_, begin) => {
  vi.useFakeTimers({ toFake: ["Date"] });
  state.good = "";
  await begin();
  const read = reading();
  await read(0);
  const before = state.seen.at(-1);
  vi.setSystemTime(Date.now() + state.lasts + 1000);
  await read(1000);
  expect(state.seen.at(-1)).not.toBe(before);
  expect(state.seen).toHaveLength(2);
});

test.each(kinds)(
  "%s: the endpoint is away when they are to be renewed: they are used as long as they last",
  async (_, begin) => {
    Object.assign(state, { lasts: 60_000, good: "" });
    await begin();
    const read = reading();
    await read(0);
    state.away = Number.POSITIVE_INFINITY;
    await read(1000);
    expect(state.seen).toHaveLength(2);
  },
);

test.each(kinds)("%s: the endpoint is away for a moment after they ended: it is asked again", async (_, begin) => {
  vi.useFakeTimers({ toFake: ["Date"] });
  state.good = "";
  await begin();
  const read = reading();
  await read(0);
  state.good = `token-${state.asked + 1}`;
  // More often than the SDK asks by itself.
  state.away = 5;
  vi.setSystemTime(Date.now() + state.lasts + 60_000);
  await read(1000);
  expect(state.seen.at(-1)).toBe(state.good);
  expect(state.away).toBeLessThanOrEqual(0);
});

test.each(kinds)("%s: gives nothing from the beginning: an error that says so", async (_, begin) => {
  await begin();
  state.away = Number.POSITIVE_INFINITY;
  await expect(reading()(0)).rejects.toMatchObject({
    code: "NOT_READABLE",
    message: expect.stringContaining("there are no credentials: "),
  });
});
