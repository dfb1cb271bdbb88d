import * as http from "node:http";
import * as https from "node:https";
import type { Socket } from "node:net";

/** Connections are kept: a new one costs round trips, of TLS three. */
const KEPT = { keepAlive: true, maxSockets: 64 };
/**
 * What is read from a socket at once, at most. Node's own way is a new buffer of 64 KiB for each read: more calls, and garbage that has the whole heap
 * looked through again and again. docs/dev/object-stores.md has the figures.
 */
const READ = 2 ** 19;

/** All connections of a thread are read into this: what comes is handed on, and copied by Node's HTTP parser, before the next read. */
let shared: Buffer | undefined;

/** Whether a piece of a body is the read buffer itself: a Node whose parser does not copy would overwrite it with the next read. */
export function isReadBuffer(piece: Uint8Array): boolean {
  return piece.buffer === shared?.buffer;
}

type Connect = (options: object, done: (error: Error | null, socket: Socket) => void) => Socket | undefined;

/** Has a connection's bytes read into the shared buffer. `onread` takes them from the stream, so they are given back to whoever listens. */
function intoShared(connect: Connect): Connect {
  return (options, done) => {
    shared ??= Buffer.allocUnsafeSlow(READ);
    const buffer = shared;
    const callback = (length: number) => {
      socket?.emit("data", buffer.subarray(0, length));
      return true;
    };
    const socket = connect({ ...options, onread: { buffer, callback } }, done);
    return socket;
  };
}

function withShared<Agent extends http.Agent>(agent: Agent): Agent {
  const it = agent as unknown as { createConnection: Connect };
  it.createConnection = intoShared(it.createConnection.bind(agent));
  return agent;
}

/** The agents of plain requests, by protocol. */
export const agents = {
  "http:": withShared(new http.Agent(KEPT)),
  "https:": withShared(new https.Agent(KEPT)),
};
