import * as http from "node:http";
import * as https from "node:https";
import type { Socket } from "node:net";

/** Connections are kept open: a new one costs round trips, with TLS three. */
const KEPT = { keepAlive: true, maxSockets: 64 };
/**
 * The most bytes that are read from a socket at once. By default Node makes a new buffer of 64 KiB for each read: more
 * calls, and garbage that makes V8 scan the whole heap again and again. docs/dev/object-stores.md has the figures.
 */
const READ = 2 ** 19;

/**
 * The read buffer of all connections of a thread: its content is passed on, and copied by Node's HTTP parser, before
 * the next read.
 */
let shared: Buffer | undefined;

/**
 * Whether a piece of a body is the read buffer itself: if a Node's parser does not copy, the next read would overwrite
 * it.
 */
export function isReadBuffer(piece: Uint8Array): boolean {
  return piece.buffer === shared?.buffer;
}

type Connect = (options: object, done: (error: Error | null, socket: Socket) => void) => Socket | undefined;

/**
 * Makes a connection read into the shared buffer. With `onread` the stream emits no data, so this function passes them
 * to the listeners.
 */
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
