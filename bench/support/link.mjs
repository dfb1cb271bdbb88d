// A network link to a server, as a process: node bench/support/link.mjs PORT RTT_MS MBIT
// Prints the port of 127.0.0.1 that leads to PORT over it. All connections share its bandwidth, which each direction has for itself; a new
// connection waits one round trip more. Loss and TCP's slow start are not imitated.
import { connect, createServer } from "node:net";

const [port, rtt, mbit] = process.argv.slice(2).map(Number);
const oneWay = rtt / 2;
const bytesPerMs = (mbit * 1e6) / 8000;
/** What one connection may have under way: more than the link itself holds, so that it can fill the link alone. */
const WINDOW = Math.max(1 << 18, 2 * rtt * bytesPerMs);

/** A direction of the link. */
function direction() {
  /** When the last byte sent so far has left. */
  let free = 0;
  return (bytes) => {
    const now = performance.now();
    free = Math.max(now, free) + bytes / bytesPerMs;
    return free + oneWay;
  };
}

const there = direction();
const back = direction();

/** Carries bytes from one socket to another, each piece when it has arrived; `late`: the first ones wait so long. */
function carry(from, to, leave, late) {
  const onTheWay = [];
  const opened = performance.now() + late;
  let held = 0;
  let waits = false;
  const wake = () => {
    const [next] = onTheWay;
    if (waits || next === undefined) return;
    waits = true;
    setTimeout(deliver, next.due - performance.now());
  };
  const deliver = () => {
    waits = false;
    for (let next = onTheWay[0]; next !== undefined && next.due <= performance.now(); next = onTheWay[0]) {
      onTheWay.shift();
      if (next.bytes === undefined) to.end();
      else {
        held -= next.bytes.length;
        to.write(next.bytes);
      }
    }
    if (held < WINDOW && to.writableLength < WINDOW) from.resume();
    wake();
  };
  const add = (bytes) => {
    onTheWay.push({ bytes, due: Math.max(leave(bytes?.length ?? 0), opened + oneWay) });
    wake();
  };
  from.on("data", (bytes) => {
    held += bytes.length;
    if (held >= WINDOW || to.writableLength >= WINDOW) from.pause();
    add(bytes);
  });
  to.on("drain", () => {
    if (held < WINDOW) from.resume();
  });
  from.on("end", () => add(undefined));
  from.on("error", () => to.destroy());
  from.on("close", () => {
    if (from.destroyed && !from.readableEnded) to.destroy();
  });
}

const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const upstream = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  carry(client, upstream, there, rtt);
  carry(upstream, client, back, 0);
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
process.stdin.resume();
process.stdin.on("end", () => process.exit());
