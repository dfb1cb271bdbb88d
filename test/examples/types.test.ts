/**
 * The types that the package publishes, as a strict TypeScript project sees them that has coresieve and nothing else:
 * its optional packages (BullMQ, ioredis, AWS SDK) are not installed.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../support/filter.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = temporaryFolder();

/** Uses each function, and takes each result as what it is said to be. */
const PROGRAM = `
import {
  type AuditResult, auditDump, codecOf, type Dump, DumpError, type DumpErrorCode, type EstimateResult, estimateDump,
  type FilterResult, filterDump, formatRecord, kernelOf, levelOfNames, openDump, openInput, type PageClass, pageChunksOf,
  pagesOf, parseRawPieces, readKernelLog, readPhysical, reportDump, type RunState, type Submission, submitRun,
  verifyDump, type VerifyResult, watchRun, Warnings, WorkerThreads,
} from "coresieve";
import type { IncomingMessage } from "node:http";
import { Readable, Writable } from "node:stream";

export async function useStreams(request: IncomingMessage, url: string): Promise<void> {
  const { body } = await fetch(url);
  if (body === null) return;
  for (const input of [request, body, { stream: body, name: "x" }, [Readable.toWeb(request), "path"]]) {
    (await openInput(input)).close();
  }
  // @ts-expect-error a stream that is written to
  await openInput(new Writable());
}

export async function use(path: string): Promise<number> {
  const warnings = new Warnings({ strict: true });
  const dump: Dump = await openInput(path, warnings, { signal: AbortSignal.timeout(1000) });
  const workers = new WorkerThreads(2);
  const result: FilterResult = await filterDump(dump, {
    output: { stream: new Writable() }, level: levelOfNames(["zero", "free"]), format: "kdump", codec: codecOf("zlib"),
    warnings, workers, onProgress: ({ phase, done, total }) => console.log(phase, done / total),
  });
  const classes = new Map<PageClass, number>();
  for await (const page of pagesOf(dump, { level: 31 })) classes.set(page.class, page.read().length);
  for await (const chunk of pageChunksOf(dump)) console.log(chunk.kinds.length);
  const estimate: EstimateResult = await estimateDump(dump);
  const audit: AuditResult = await auditDump(dump);
  const verify: VerifyResult = await verifyDump(path, { against: path });
  const page: string = await reportDump(dump);
  const lines: string[] = readKernelLog(dump).records.map((record) => formatRecord(record, "levels"));
  const bytes: Uint8Array = readPhysical(dump, 0x1000, 16);
  const release: string = kernelOf(dump).utsname.release;
  dump.close();
  await workers.destroy();
  console.log(audit, verify.findings, page, lines, bytes, release, classes, parseRawPieces("0-3G,4G-"));
  const submitted: Submission = await submitRun({ inputs: path, output: path, codec: codecOf("zstd", 3), shards: 4, priority: 9 });
  let state: RunState = submitted.state;
  for await (const now of watchRun(state, { signal: AbortSignal.timeout(1000) })) state = now;
  console.log(state.progress, state.shards?.done, state.mayRetry);
  // @ts-expect-error there is no such codec
  codecOf("brotli");
  try {
    return openDump([path, path]).pageSize + result.classes.kept + estimate.levels.length;
  } catch (error) {
    const code: DumpErrorCode | undefined = error instanceof DumpError ? error.code : undefined;
    return code === "NOT_READABLE" ? 1 : 2;
  }
}
`;

/** The scripts of docs/library.md that stand alone or need an opened dump. */
function documented(): string[] {
  const page = readFileSync(join(root, "docs/library.md"), "utf8");
  return ["Five lines for each task", "Memory and objects of the kernel"].flatMap((title) => {
    const section = new RegExp(`^## ${title}\\n([\\s\\S]*?)^## `, "m").exec(page)?.[1] ?? "";
    return [...section.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, script = ""]) => {
      const opened = script.includes("const dump") ? "" : 'const dump = openDump("vmcore");\n';
      return `import { codecOf, filterDump, kernelOf, openDump, pagesOf, readPhysical, tasksOf } from "coresieve";\n${opened}${script}`;
    });
  });
}

beforeAll(() => {
  mkdirSync(join(folder, "node_modules", "@types"), { recursive: true });
  // A copy: from a link to this folder, the compiler would find the packages that are installed for its tests.
  const installed = join(folder, "node_modules", "coresieve");
  cpSync(join(root, "dist"), join(installed, "dist"), {
    recursive: true,
    filter: (path) => path.endsWith(".d.ts") || statSync(path).isDirectory(),
  });
  cpSync(join(root, "package.json"), join(installed, "package.json"));
  symlinkSync(join(root, "node_modules/@types/node"), join(folder, "node_modules/@types/node"), "junction");
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "program.ts"), PROGRAM);
  expect(documented()).toHaveLength(4);
  documented().forEach((script, i) => {
    writeFileSync(join(folder, `documented${i}.ts`), script);
  });
});

test.each([
  ["nodenext", "nodenext", "typescript-7"],
  ["esnext", "bundler", "typescript"],
])("--module %s --moduleResolution %s, by %s", (module, moduleResolution, compiler) => {
  const compilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true },
    ...{ module, moduleResolution, target: "es2023", types: ["node"], skipLibCheck: moduleResolution === "bundler" },
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  const args = [join(root, "node_modules", compiler, "bin/tsc"), "-p", folder];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});
