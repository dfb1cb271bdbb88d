/** `libvirt:DOMAIN` with a program in place of virsh that does what virsh does: writes a dump to the file that it is told, or fails at some point. */
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { openInput } from "../../../src/reader/open-input.js";
import { readPages } from "../../../src/reader/physical-memory.js";
import { runCli } from "../../support/cli.js";
import { buildElf } from "../../support/elf-image.js";
import { temporaryFolder } from "../../support/filter.js";
import { vmcoreinfoNote } from "../../support/notes.js";

const folder = temporaryFolder();
const dump = join(folder, "dump");
const memory = Buffer.alloc(1 << 20, "memory of a domain ");
writeFileSync(
  dump,
  buildElf({ loads: [{ paddr: 0x100000, data: memory }], notes: [vmcoreinfoNote("OSRELEASE=6.1.0\n")] }),
);

/** A folder for PATH with a virsh of that text. */
function withVirsh(name: string, text: string): NodeJS.ProcessEnv {
  const bin = join(folder, name);
  mkdirSync(bin);
  writeFileSync(
    join(bin, "virsh"),
    `#!/bin/sh\nfor word; do case $word in --file=*) file=\${word#--file=};; esac; done\n${text}\n`,
  );
  chmodSync(join(bin, "virsh"), 0o755);
  return { PATH: `${bin}:/usr/bin:/bin` };
}

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith("coresieve-libvirt-"));

describe.skipIf(process.platform === "win32")("libvirt:DOMAIN (skipped on Windows, which has no FIFOs)", () => {
  test("reads what virsh writes", async () => {
    vi.stubEnv("PATH", withVirsh("good", `cat ${dump} > "$file"`)["PATH"]);
    try {
      const opened = await openInput("libvirt:a domain");
      expect(opened.ranges).toEqual([{ start: 0x100000, end: 0x200000 }]);
      const bytes = Buffer.alloc(4096);
      readPages(opened.memory, 0x180000, bytes);
      expect(bytes.equals(memory.subarray(0x80000, 0x81000))).toBe(true);
      opened.close();
    } finally {
      vi.unstubAllEnvs();
    }
    expect(leftovers()).toEqual([]);
  });

  test.each([
    [
      "says that there is no such domain",
      `echo "error: failed to get domain 'x'" >&2; exit 1`,
      /libvirt made no dump: failed to get domain 'x'\. `virsh list`/,
    ],
    [
      "fails in the middle",
      `head -c 70000 ${dump} > "$file"; echo "error: Failed to core dump domain" >&2; exit 1`,
      /libvirt made no dump: Failed to core dump domain/,
    ],
    ["writes a part and says that all is well", `head -c 70000 ${dump} > "$file"`, /is cut off: it has \d+ bytes/],
    ["fails without a word", "exit 3", /virsh ended with exit code 3/],
    ["is killed", "kill -9 $$", /virsh was ended by SIGKILL/],
  ])("virsh %s: one line, and nothing is left", async (name, text, says) => {
    const run = await runCli(["info", "libvirt:x"], { env: withVirsh(name.replaceAll(" ", "-"), text) });
    expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(says)]);
    expect(run.stderr.trimEnd()).not.toMatch(/\n/);
    expect(leftovers()).toEqual([]);
  });

  test("without virsh the cure is to install it", async () => {
    const run = await runCli(["info", "libvirt:x"], {
      env: { PATH: join(folder, "none") },
      shell: `PATH=${join(folder, "none")} "$@"`,
    });
    expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/mkfifo|Install libvirt-clients/)]);
    const unnamed = await runCli(["info", "libvirt:"]);
    expect([unnamed.code, unnamed.stderr]).toEqual([2, expect.stringMatching(/names no domain/)]);
  });
});
