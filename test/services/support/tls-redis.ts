import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { afterAll } from "vitest";
import { folder } from "./queue.js";

/** Files of a server: its key, its certificate, and that of who signed it. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

const servers = new Set<ChildProcess>();
afterAll(() => {
  for (const server of servers) server.kill("SIGKILL");
});

/** A Redis server that speaks TLS only. Returns its address, password included. */
export async function tlsRedis({ key, cert, ca }: TlsFiles, password: string): Promise<string> {
  const port = await freePort();
  const tls = ["--tls-port", String(port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca];
  const args = [...tls, "--tls-auth-clients", "no", "--port", "0", "--save", "", "--requirepass", password];
  const server = spawn("redis-server", args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  servers.add(server);
  let said = "";
  for await (const bytes of server.stdout) {
    said += bytes;
    if (said.includes("Ready to accept connections")) break;
  }
  return `rediss://:${password}@localhost:${port}`;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
