// `npm run demo`: unpacks the dump in samples/, filters it with the program that the build made, and says what to try
// next. Everything lands in out/, which git ignores; a second run replaces it.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
const SAMPLE = "samples/linux-6.1-x86_64.vmcore.br";
/** Of the dump as QEMU wrote it: a clone that changed line ends, or got a pointer for the file, is found out here. */
const SHA256 = "02412765997284f6c245c2eaf49ffb68b0d40f7dd1b215addfaddd5463b2e1fd";

/** Paths as one would type them here: with backslashes on Windows, and from where npm runs this. */
const shown = (path) => relative(process.cwd(), path) || ".";
const out = join(root, "out");
const cli = join(root, "dist", "cli", "main.js");
const vmcore = join(out, "demo.vmcore");
const small = join(out, "demo-small.kdump");

if (!existsSync(cli)) fail("the program is not built yet: run `npm run demo`, which builds it");
mkdirSync(out, { recursive: true });
writeFileSync(vmcore, unpack(join(root, SAMPLE)), { mode: 0o600 });

console.log(`
${shown(vmcore)} is the whole memory of a 32 MiB virtual machine with Linux 6.1, as QEMU dumped it.
Drop what a debugger does not need, and compress the rest:

  $ node ${shown(cli)} ${shown(vmcore)} ${shown(small)}
`);
rmSync(small, { force: true });
coresieve(shown(vmcore), shown(small));
console.log(`
The small dump opens in crash, drgn and everything else that reads kdump files. Go on with

  $ node ${shown(cli)} info ${shown(vmcore)}
  $ node ${shown(cli)} --help

and a dump of your own:

  $ node ${shown(cli)} /path/to/vmcore small.kdump
`);

function unpack(path) {
  const dump = brotliDecompressSync(readFileSync(path));
  const found = createHash("sha256").update(dump).digest("hex");
  if (found !== SHA256) fail(`${SAMPLE} is damaged: the dump's SHA-256 is ${found}. Clone the repository again`);
  return dump;
}

function coresieve(...args) {
  const { status, error } = spawnSync(process.execPath, [cli, ...args], { stdio: "inherit" });
  if (error) fail(error.message);
  if (status !== 0) process.exit(status ?? 1);
}

function fail(text) {
  console.error(`demo: ${text}`);
  process.exit(1);
}
