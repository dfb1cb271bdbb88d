/** Bodies that come through one read buffer stay what they were, whoever reads them and when. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { agents, isReadBuffer } from "../../src/store/http-agents.js";
import { takeBody } from "../../src/store/http-request.js";
import { temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();
const SIZE = 3_000_001;
const bodies = Array.from({ length: 8 }, (_, i) => Buffer.alloc(SIZE, `body ${i} of some that come at once; `));
const answer: http.RequestListener = (request, response) => response.end(bodies[Number(request.url?.slice(1))]);

function key(): { key: Buffer; cert: Buffer } | undefined {
  const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"];
  const { status } = spawnSync("openssl", [...args, "-keyout", "key", "-out", "cert"], { cwd: folder });
  if (status !== 0) return undefined;
  return { key: readFileSync(join(folder, "key")), cert: readFileSync(join(folder, "cert")) };
}
const tls = key();

describe.each([
  { protocol: "http:" as const, server: http.createServer(answer) },
  { protocol: "https:" as const, server: tls && https.createServer(tls, answer) },
])("by $protocol", ({ protocol, server }) => {
  afterAll(() => {
    agents[protocol].destroy();
    server?.close();
  });

  async function get(i: number): Promise<http.IncomingMessage> {
    if (!server) throw new Error("no server");
    const { port } = server.address() as AddressInfo;
    const { request } = protocol === "http:" ? http : https;
    const options = { port, host: "localhost", path: `/${i}`, agent: agents[protocol], rejectUnauthorized: false };
    return new Promise((resolve, reject) =>
      request(options as https.RequestOptions, resolve)
        .on("error", reject)
        .end(),
    );
  }

  test.skipIf(server === undefined)("pieces that are kept, and bodies that nobody takes for a while", async () => {
    await new Promise<void>((resolve) => server?.listen(0, "localhost", resolve));
    for (let round = 0; round < 2; round++) {
      const answers = await Promise.all(bodies.map((_, i) => get(i)));
      // What came with the heads is buffered, and connections are paused: others are read meanwhile.
      const found = answers.map(async (one, i) => {
        for (let turn = 0; turn < i; turn++) await setImmediate();
        const pieces: Buffer[] = [];
        for await (const piece of one) {
          expect(isReadBuffer(piece as Buffer)).toBe(false);
          pieces.push(piece as Buffer);
          await setImmediate();
        }
        return Buffer.concat(pieces).equals(bodies[i] as Buffer);
      });
      expect(await Promise.all(found)).toEqual(bodies.map(() => true));
    }
    // The second round went through the first one's connections.
    expect(Object.values(agents[protocol].freeSockets).flat()).toHaveLength(bodies.length);
  });
});

test("a Node that hands on the read buffer itself is an error, not another body", async () => {
  let read: Buffer | undefined;
  const connection = agents["http:"] as unknown as { createConnection(options: object): Socket };
  const server = createServer((socket) => socket.end("bytes")).listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = connection.createConnection({ port, host: "localhost" });
  socket.on("data", (piece: Buffer) => {
    read = piece;
  });
  await once(socket, "close");
  server.close();
  expect(isReadBuffer(read as Buffer)).toBe(true);
  await expect(takeBody(Readable.from([read]), () => expect.fail("was taken"))).rejects.toThrow(
    "hands on its read buffer",
  );
});
