// Makes a Debian package of the single executable: npm run build:deb. Needs dpkg-deb, strip and gzip's library (Node's).
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("../", import.meta.url));
const ARCHITECTURES = { x64: "amd64", arm64: "arm64" };
const architecture = ARCHITECTURES[process.arch];
if (architecture === undefined || process.platform !== "linux")
  throw new Error("packages are made on Linux, x64 or arm64");
const { version, description } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
// Debian's tools ask for these (debchange(1)).
const { DEBFULLNAME = "The coresieve authors", DEBEMAIL = "coresieve@example.org" } = process.env;
const maintainer = `${DEBFULLNAME} <${DEBEMAIL}>`;
const out = join(root, "single", `coresieve_${version}_${architecture}.deb`);

const work = mkdtempSync(join(tmpdir(), "coresieve-deb-"));
try {
  const program = place("usr/bin/coresieve");
  run(process.execPath, [join(root, "scripts/build-single.mjs"), "--strip", "--out", program]);
  chmodSync(program, 0o755);
  // By the name it is called by it is one program or the other.
  symlinkSync("coresieve", place("usr/bin/coresieve-makedumpfile"));
  for (const name of readdirSync(join(root, "man")))
    packed(`usr/share/man/man1/${name}.gz`, readFileSync(join(root, "man", name)));
  const completion = spawnSync(program, ["completion", "bash"], { encoding: "utf8" });
  if (completion.status !== 0) throw new Error(`coresieve completion bash: ${completion.stderr}`);
  text("usr/share/bash-completion/completions/coresieve", completion.stdout);
  text("usr/share/doc/coresieve/copyright", copyright());
  packed(
    "usr/share/doc/coresieve/third-party-licences.txt.gz",
    readFileSync(join(root, "dist/cli/third-party-licences.txt")),
  );
  packed("usr/share/doc/coresieve/CHANGELOG.md.gz", readFileSync(join(root, "CHANGELOG.md")));
  packed("usr/share/doc/coresieve/changelog.gz", changelog());
  text(
    "usr/share/lintian/overrides/coresieve",
    "# Node is in the executable, with the libraries that it brings.\ncoresieve: embedded-library\n",
  );
  text("DEBIAN/control", control());
  mkdirSync(dirname(out), { recursive: true });
  run("dpkg-deb", ["--root-owner-group", "-Zxz", "--build", work, out]);
  console.log(`${out}: ${(statSync(out).size / 1e6).toFixed(0)} MB`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function control() {
  const { size } = statSync(join(work, "usr/bin/coresieve"));
  return `Package: coresieve
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${Math.ceil(size / 1024) + 256}
Depends: libc6 (>= 2.28), libgcc-s1 (>= 3.4), libstdc++6 (>= 12)
Suggests: crash, makedumpfile
Section: utils
Priority: optional
Description: makes Linux kernel crash dumps small and safe to hand over
 coresieve ${description
   .replace(/^Makes/, "makes")
   .replaceAll(/(.{1,70})( |$)/g, "$1\n ")
   .trimEnd()}.
 .
 It is one program that needs no Node. coresieve-makedumpfile takes the
 options of makedumpfile.
`;
}

function changelog() {
  const date = new Date(statSync(join(root, "CHANGELOG.md")).mtimeMs).toUTCString().replace("GMT", "+0000");
  return `coresieve (${version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- ${maintainer}  ${date}\n`;
}

function copyright() {
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: coresieve

Files: *
Copyright: 2026 the coresieve authors
License: Apache-2.0
 On Debian systems, the text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0. The licences of Node's libraries and
 of the packages in use are in third-party-licences.txt.gz.
`;
}

/** A path in the package, whose folder is there. */
function place(path) {
  mkdirSync(join(work, dirname(path)), { recursive: true, mode: 0o755 });
  return join(work, path);
}

function text(path, content) {
  writeFileSync(place(path), content, { mode: 0o644 });
}

function packed(path, content) {
  writeFileSync(place(path), gzipSync(content, { level: 9 }), { mode: 0o644 });
}

function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: "inherit" });
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? `exit code ${status}`}`);
}
