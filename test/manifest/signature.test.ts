/** Signatures of manifests and audits: keys of openssl and ssh-keygen, checked by openssl; wrong keys and changed files are said in one line. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { privateKeyOf, publicKeyOf } from "../../src/manifest/signature.js";
import { inFolder } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel } from "../support/kernel-image.js";
import { failureOf } from "../support/open.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const run = (...args: string[]) => runHere(args, { cwd: folder });

/** Keys that openssl 3.0 and ssh-keygen 9.2 made for this test. */
const PEM = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIEHEqOrbiKzozipqUCv4tKp/fFPwvelFRqanU0+FcxWm
-----END PRIVATE KEY-----
`;
const PEM_PUBLIC = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAPTaeO2837HcZ238qpURbvphnhgf7NSkSNYnrn10PZQE=
-----END PUBLIC KEY-----
`;
const SSH = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACBhVBDmhwO85bx2YSzYZv3ViB2RTtIq7WP6YRwGSz2H1wAAAIjt5oH27eaB
9gAAAAtzc2gtZWQyNTUxOQAAACBhVBDmhwO85bx2YSzYZv3ViB2RTtIq7WP6YRwGSz2H1w
AAAEB6KZXFs5L/MgZS7eTiwKiVaBFLXIe+gFfX8wovuYy1M2FUEOaHA7zlvHZhLNhm/dWI
HZFO0irtY/phHAZLPYfXAAAABHRlc3QB
-----END OPENSSH PRIVATE KEY-----
`;
const SSH_PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFUEOaHA7zlvHZhLNhm/dWIHZFO0irtY/phHAZLPYfX test\n";

beforeAll(() => {
  writeElf(file("vmcore"), buildKernel({}));
  for (const [name, text] of Object.entries({ PEM, PEM_PUBLIC, SSH, SSH_PUBLIC })) writeFileSync(file(name), text);
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe.each(["PEM", "SSH"])("a key of the form %s", (key) => {
  test("manifest and audit are signed and checked", async () => {
    const filtered = await run("vmcore", "out", "-f", "-d", "31", "--manifest", "m.json", "--sign", key);
    expect(filtered.code, filtered.stderr).toBe(0);
    const audited = await run("audit", "out", "--result", "a.json", "--sign", key, "-f");
    expect(audited.code, audited.stderr).toBe(0);
    const good = await run("verify", "out", "--manifest", "m.json", "--audit", "a.json", "--key", `${key}_PUBLIC`);
    expect(good.code, good.stdout.toString()).toBe(0);
    expect(good.stdout.toString()).toContain("Signed    yes");
    expect(good.stdout.toString()).toContain("a.json: nothing was found, of this file");
    const other = key === "PEM" ? "SSH_PUBLIC" : "PEM_PUBLIC";
    const bad = await run("verify", "out", "--manifest", "m.json", "--key", other);
    expect(bad.code).toBe(1);
    expect(bad.stdout.toString()).toContain("signature");
    if (hasOpenssl && key === "PEM") {
      writeFileSync(file("raw"), Buffer.from(readFileSync(file("m.json.sig"), "latin1"), "base64"));
      const args = ["pkeyutl", "-verify", "-pubin", "-inkey", file("PEM_PUBLIC"), "-rawin", "-in", file("m.json")];
      expect(execFileSync("openssl", [...args, "-sigfile", file("raw")]).toString()).toMatch(/Success/);
    }
  });
});

test("a changed manifest, a changed dump and a missing signature are findings", async () => {
  await run("vmcore", "out", "-f", "-d", "31", "--manifest", "m.json", "--sign", "PEM");
  await run("audit", "out", "--result", "b.json", "-f");
  writeFileSync(file("m.json"), readFileSync(file("m.json"), "utf8").replace('"privacy": false', '"privacy":  false'));
  const changed = await run("verify", "out", "--manifest", "m.json", "--key", "PEM_PUBLIC", "--json");
  expect(changed.code).toBe(1);
  expect(JSON.parse(changed.stdout.toString())).toMatchObject({ signed: false, counts: { signature: 1 } });
  await run("vmcore", "other", "-f", "-d", "31", "-l");
  const another = await run("verify", "other", "--audit", "b.json", "--json");
  expect(JSON.parse(another.stdout.toString())).toMatchObject({ audit: { sameFile: false }, counts: { audit: 1 } });
  const missing = await run("verify", "out", "--audit", "b.json", "--key", "PEM_PUBLIC");
  expect(missing.stdout.toString()).toContain("b.json.sig, its signature, is not there");
});

test("the audit's result says of which file, by what, when, with which options", async () => {
  await run("vmcore", "out", "-f", "-d", "31");
  await run("audit", "out", "--result", "a.json", "--original", "vmcore", "-f");
  const record = JSON.parse(readFileSync(file("a.json"), "utf8"));
  expect(record).toMatchObject({
    ...{ schema: 1, tool: { name: "coresieve" }, clean: true },
    audited: [{ name: "out", covers: "file", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    options: { secrets: 0, original: "vmcore", vmlinux: null, salvage: false },
  });
  expect(Date.parse(record.ended)).toBeGreaterThanOrEqual(Date.parse(record.started));
});

test.each([
  [PEM.slice(0, 40), "cannot be read"],
  [PEM_PUBLIC, "is a public key"],
  ["hello", "has no private key in it"],
  [SSH.replace("b3Blbn", "b3Blbm"), "cannot be read"],
  [SSH.replace("AAAABG5vbmUAAAAEbm9uZQ", "AAAABG5vbmQAAAAEbm9uZQ"), "is a key with a passphrase"],
  ["-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----", "passphrase"],
  ["-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "cannot be read"],
])("a wrong private key gets one clear line (%#)", (text, message) => {
  const error = failureOf(() => privateKeyOf(text, "key"));
  expect(error).toMatchObject({ code: "BAD_OPTION" });
  expect(error.message).toContain(message);
  expect(error.message).not.toContain("\n");
});

test.each([
  ["hello", "has no public key in it"],
  ["ssh-rsa AAAAB3NzaC1yc2E= me", "is a key of ssh-rsa"],
  ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "is a private key; checking needs the public one"],
  ["-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "is a private key"],
  ["ssh-ed25519 AAAA me", "cannot be read"],
  ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "cannot be read"],
])("a wrong public key gets one clear line (%#)", (text, message) => {
  expect(failureOf(() => publicKeyOf(text, "key")).message).toContain(message);
});

test("--sign and --key without what is signed are refused", async () => {
  expect((await run("vmcore", "never", "--sign", "PEM")).stderr).toContain("without --manifest");
  expect((await run("audit", "vmcore", "--sign", "PEM")).stderr).toContain("without --result");
  expect((await run("verify", "vmcore", "--key", "PEM_PUBLIC")).stderr).toContain("without --manifest or --audit");
});
