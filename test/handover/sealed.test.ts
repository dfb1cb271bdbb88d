/** Sealed with age: only receivers open it, in every way that a dump comes in; what is wrong is said in one line. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Decrypter, generateHybridIdentity, generateX25519Identity, identityToRecipient } from "age-encryption";
import { beforeAll, expect, test } from "vitest";
import { openInput } from "../../src/reader/open-input.js";
import { Warnings } from "../../src/warnings.js";
import { expectFailure, inFolder, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const run = (...args: string[]) => runHere(args, { cwd: folder });
const open = ["--identity", "first.id"] as const;

describeWithDumps("sealed dumps", () => {
  let identity: string;
  beforeAll(async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    identity = await generateX25519Identity();
    const others = [await generateHybridIdentity(), await generateX25519Identity()];
    writeFileSync(file("first.id"), `# made by a test\n${identity}\n`);
    writeFileSync(file("second.id"), `${others[0]}\n`);
    writeFileSync(file("stranger.id"), `${others[1]}\n`);
    const recipients = await Promise.all([identity, others[0] as string].map((one) => identityToRecipient(one)));
    const made = await run(
      ...["handover", vmcore, "out.kdump.age", "-l", "-q"],
      ...recipients.flatMap((one) => ["--recipient", one]),
    );
    expect(made.code, made.stderr).toBe(0);
    writeFileSync(file("first.pub"), recipients[0] as string);
  }, 120_000);

  test("the records are of the dump inside, and name the sealed file", async () => {
    expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
    const { output } = JSON.parse(readFileSync(file("out.kdump.json"), "utf8"));
    expect(output).toMatchObject({ name: "out.kdump", sealed: { name: "out.kdump.age", recipients: 2 } });
    expect(output.sealed.bytes).toBe(readFileSync(file("out.kdump.age")).length);
    for (const name of ["first.id", "second.id"]) {
      const checked = await run(
        ...["verify", "out.kdump.age", "--identity", name],
        ...["--manifest", "out.kdump.json", "--audit", "out.kdump.audit.json"],
      );
      expect(checked.code, checked.stdout.toString()).toBe(0);
    }
    expect(readFileSync(file("out.kdump.html"), "utf8")).toContain("Sealed for 2 receivers");
    // The package's own reader, and what a filter run makes of the same dump.
    const opener = new Decrypter();
    opener.addIdentity(identity);
    writeFileSync(file("plain"), await opener.decrypt(readFileSync(file("out.kdump.age"))));
    expect((await run("verify", "plain", "--manifest", "out.kdump.json")).code).toBe(0);
  });

  test.each([
    ["a file that stands in front", `"$@" < out.kdump.age`],
    ["a pipe", `cat out.kdump.age | "$@"`],
    ["a pipe, packed once more", `gzip -c out.kdump.age | "$@"`],
    ["a file, packed once more", `gzip -c out.kdump.age > x.gz; "$@" < x.gz`],
  ])("from stdin: %s", async (_, shell) => {
    const read = await runCli(["verify", "-", ...open, "--json"], { cwd: folder, shell });
    expect(read.code, read.stderr).toBe(0);
    expect(JSON.parse(read.stdout.toString())).toMatchObject({ whole: true, kernelRelease: "6.1.192-tiny" });
  });

  test("to stdout", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const recipient = readFileSync(file("first.pub"), "utf8");
    const sent = await runCli(["handover", vmcore, "-", "-l", "--recipient", recipient], { cwd: folder });
    expect(sent.code, sent.stderr).toBe(0);
    expect(sent.stdout.subarray(0, 21).toString()).toBe("age-encryption.org/v1");
    writeFileSync(file("sent"), sent.stdout);
    expect((await run("verify", "sent", ...open, "--against", vmcore)).code).toBe(0);
  });

  test("the library takes the name of a file of identities", async () => {
    const dump = await openInput(file("out.kdump.age"), new Warnings(), { identity: file("first.id") });
    expect(dump.header.format).toBe("kdump");
    dump.close();
  });

  test("what is wrong is said in one line", async () => {
    const sealed = readFileSync(file("out.kdump.age"));
    const damaged = Buffer.from(sealed);
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] as number) ^ 1;
    writeFileSync(file("damaged"), damaged);
    writeFileSync(file("cut"), sealed.subarray(0, 1_000_000));
    writeFileSync(file("head"), sealed.subarray(0, 100));
    writeFileSync(file("none.id"), "# nothing\n");
    expectFailure(await run("info", "out.kdump.age"), 1, "is sealed with age, and no identity was given", "--identity");
    expectFailure(await run("info", "out.kdump.age", "--identity", "stranger.id"), 1, "for none of the identities in");
    expectFailure(await run("info", "out.kdump.age", "--identity", "first.pub"), 2, "line 1 is not an age identity");
    expectFailure(await run("info", "out.kdump.age", "--identity", "none.id"), 2, "has no age identity in it");
    expectFailure(await run("info", "damaged", ...open), 1, "what is sealed in it is damaged or cut off");
    expectFailure(await run("info", "cut", ...open), 1, "what is sealed in it is damaged or cut off");
    expectFailure(await run("info", "head", ...open), 1, "its age header is damaged or cut off");
    const before = readdirSync(folder).length;
    expectFailure(await run("handover", "plain", "x.age", "--recipient", "age1xyz"), 2, "is not an age recipient");
    expect(readdirSync(folder)).toHaveLength(before);
  });
});
