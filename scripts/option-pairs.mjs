// Runs the built program with all pairs of options of commands that need no queue, and compares: an option that has an effect alone
// must have one beside the other, or the pair is refused. Prints the pairs that are neither.
//   node scripts/option-pairs.mjs DUMP [COMMAND...]      DUMP: a small ELF dump of a kernel, with its vmlinux beside it, if there is one
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("../", import.meta.url));
const [dump, ...wanted] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "coresieve-pairs-"));

/** Further words of each command: what stands for the output comes last. */
const FILES = {
  filter: [dump, "out"],
  split: [dump, "out", "out2"],
  handover: [dump, "out"],
  audit: [dump],
  verify: ["small"],
  dmesg: [dump],
  info: [dump],
  estimate: [dump],
  report: [dump],
  rearrange: ["flat", "out"],
  reassemble: ["part1", "part2", "out"],
  plan: [dump, "out", "--staging", "stage"],
};

/** Values of options that have an effect on this dump; other options get one of their kind. */
const VALUES = {
  level: "1",
  "filter exclude": "zero",
  "split exclude": "zero",
  "size-limit": "1M",
  "on-full": "incomplete",
  "min-saving": "99",
  "compression-level": "3",
  "privacy-keep": "comm",
  "privacy-extra": "log",
  "manifest-digests": "output",
  "num-threads": "1",
  compress: "lzo",
  pack: "gzip",
  format: "elf",
  raw: "0",
  arch: "arm64",
  "spool-limit": "1M",
  "vmcoreinfo-at": "4096",
  "vmcoreinfo-device": "00".repeat(16),
  "handover recipient": "age1",
  findings: "1",
  shards: "2",
  erase: "rules",
  rules: "rules",
  secrets: "secrets",
  extension: "extension.mjs",
  vmcoreinfo: "info.txt",
  vmlinux: "vmlinux",
  sign: "key",
  "verify against": dump,
  "verify key": "key.pub",
  "verify manifest": "small.json",
  "verify audit": "small.audit",
  original: dump,
  snapshot: "x",
  identity: "secrets",
  to: ".",
  staging: "stage",
};

function wordsFor(command, option) {
  const dashed = `--${option.name}`;
  if (option.kind === "flag") return [dashed];
  const value =
    VALUES[`${command} ${option.name}`] ?? VALUES[option.name] ?? option.choices?.at(-1) ?? `given-${option.name}`;
  return [dashed, value];
}

function run(cwd, words) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, "dist/cli/main.js"), ...words], {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const out = { stdout: [], stderr: [] };
    for (const name of ["stdout", "stderr"]) child[name].on("data", (chunk) => out[name].push(chunk));
    child.on("close", (code, signal) =>
      resolve({ code: code ?? signal, stdout: Buffer.concat(out.stdout), stderr: Buffer.concat(out.stderr) }),
    );
  });
}

/** Without what differs from run to run. */
const steady = (bytes, cwd) =>
  bytes
    .toString("latin1")
    .replaceAll(cwd, "")
    .replace(
      /\d+(\.\d+)? (ms|s|[KMG]i?B\/s)\b|\d{4}-\d\d-\d\dT[\d:.]+Z|"(seconds|started|ended|id|date|sha256|time)": *("[^"]*"|[\d.]+)|\d+\.\d+ ?s/g,
      "",
    );

async function outcome(command, words, taken) {
  const cwd = mkdtempSync(join(folder, "run-"));
  for (const name of readdirSync(join(folder, "given"))) copyFileSync(join(folder, "given", name), join(cwd, name));
  for (const name of taken) writeFileSync(join(cwd, name), "old");
  // With these, nothing is to be named for the output.
  const files = words.some((word) => word === "--flatten" || word === "--write-vmcoreinfo") ? [dump] : FILES[command];
  const { code, stdout, stderr } = await run(cwd, [command, ...files, ...words]);
  const hash = createHash("sha256").update(`${code} ${steady(stdout, cwd)} ${steady(stderr, cwd)}`);
  for (const name of readdirSync(cwd, { recursive: true }).sort()) {
    if (existsSync(join(folder, "given", name)) || name.startsWith("stage")) continue;
    const content = readFileSync(join(cwd, name));
    hash
      .update(name)
      .update(/json|html|audit|manifest|result|report|page|given/.test(name) ? steady(content, cwd) : content);
  }
  rmSync(cwd, { recursive: true, force: true });
  return { code, hash: hash.digest("hex"), says: stderr.toString().split("\n")[0] };
}

async function prepare() {
  const given = join(folder, "given");
  mkdirSync(given);
  const vmlinux = join(dirname(dump), "vmlinux");
  if (existsSync(vmlinux)) copyFileSync(vmlinux, join(given, "vmlinux"));
  writeFileSync(join(given, "rules"), "erase pages:user\n");
  writeFileSync(join(given, "secrets"), "zeroconf-secret\nroot\n");
  writeFileSync(join(given, "extension.mjs"), "export const decide = () => true;\nexport default { decide };\n");
  const key = await import("node:crypto").then(({ generateKeyPairSync }) => generateKeyPairSync("ed25519"));
  writeFileSync(join(given, "key"), key.privateKey.export({ type: "pkcs8", format: "pem" }));
  writeFileSync(join(given, "key.pub"), key.publicKey.export({ type: "spki", format: "pem" }));
  await run(given, ["-g", "info.txt", dump]);
  await run(given, [dump, "small", "--manifest", "small.json", "--sign", "key"]);
  await run(given, ["audit", "small", "--result", "small.audit", "--sign", "key"]);
  await run(given, ["split", dump, "part1", "part2"]);
  writeFileSync(join(given, "flat"), (await run(given, ["-F", dump])).stdout);
}

async function pairsOf(command, options) {
  const cache = new Map();
  const result = (words, taken) => {
    const key = JSON.stringify([words, taken]);
    if (!cache.has(key)) cache.set(key, outcome(command, words, taken));
    return cache.get(key);
  };
  const takenFor = (...names) => (names.includes("force") ? ["out", "out2", "given-manifest", "given-report"] : []);
  const counts = { refused: 0, both: 0, other: 0 };
  const none = await result([], []);
  const again = await outcome(command, [], []);
  if (none.hash !== again.hash) console.log(`${command}: two runs without options differ`);
  for (const a of options) {
    const taken = takenFor(a.name);
    if ((await result(wordsFor(command, a), taken)).hash === (await result([], taken)).hash)
      console.log(`${command} --${a.name}: no visible effect alone (${none.says})`);
  }
  for (const [i, a] of options.entries()) {
    for (const b of options.slice(i + 1)) {
      const taken = takenFor(a.name, b.name);
      const [wordsA, wordsB] = [wordsFor(command, a), wordsFor(command, b)];
      const both = await result([...wordsA, ...wordsB], taken);
      if (both.code === 2) {
        counts.refused++;
        continue;
      }
      const [aloneA, aloneB, neither] = [
        await result(wordsA, taken),
        await result(wordsB, taken),
        await result([], taken),
      ];
      const lost = [];
      if (aloneA.hash !== neither.hash && both.hash === aloneB.hash) lost.push(a.name);
      if (aloneB.hash !== neither.hash && both.hash === aloneA.hash) lost.push(b.name);
      counts[lost.length === 0 ? "both" : "other"]++;
      for (const name of lost)
        console.log(`${command} --${a.name} --${b.name}: --${name} has no visible effect (${both.code}: ${both.says})`);
    }
  }
  console.log(`${command}: ${JSON.stringify(counts)}`);
}

try {
  const bundle = await rolldown({
    input: join(root, "src/cli/options/table.ts"),
    platform: "node",
    logLevel: "silent",
  });
  await bundle.write({ file: join(folder, "table.mjs"), format: "esm", codeSplitting: false });
  const { optionsOf } = await import(pathToFileURL(join(folder, "table.mjs")).href);
  await prepare();
  for (const command of wanted.length > 0 ? wanted : Object.keys(FILES))
    await pairsOf(command, [...optionsOf(command).values()]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
