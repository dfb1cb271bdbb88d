/** The connection to Redis, with a server that only says that it is there. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { loadBullmq } from "../../src/queue/load-bullmq.js";
import { openRedis } from "../../src/queue/redis.js";

test("a connection that is closed opens no other one, which would keep the process", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      for (const [, command] of bytes.toString("latin1").matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        socket.write(command?.toLowerCase() === "info" ? "$19\r\nredis_version:7.2.0\r\n" : "+OK\r\n");
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const redis = await openRedis(await loadBullmq(), `redis://127.0.0.1:${port}`);
  redis.disconnect();
  await once(redis, "end");
  // Connections arrive in their order: one that was opened before this one is there when this one is.
  const last = connect(port, "127.0.0.1");
  await once(last, "connect");
  while (!sockets.some(({ remotePort }) => remotePort === last.localPort)) await once(server, "connection");
  for (const socket of [last, ...sockets]) socket.destroy();
  server.close();
  expect(sockets.length).toBe(2);
});
