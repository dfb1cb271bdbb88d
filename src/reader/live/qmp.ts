import { connect, type Socket } from "node:net";
import { DumpError } from "../../errors.js";
import { describeSystemError } from "../source/byte-source.js";

/** The most characters of a line. A line of QMP is a message; QEMU's are short except for long lists. */
const MOST_LINE = 1 << 22;
/** QEMU greets at once, unless another program is connected: it talks to one at a time. */
const GREETING_MS = 10_000;

interface QmpMessage {
  readonly QMP?: unknown;
  readonly event?: string;
  readonly data?: { readonly error?: string };
  readonly return?: unknown;
  readonly error?: { readonly desc?: string };
}

/** A connection with a running QEMU (QMP, docs/interop/qmp-spec). */
export class QmpConnection {
  #text = "";
  readonly #waiting: { take: (message: QmpMessage) => boolean; reject: (error: unknown) => void }[] = [];
  #failure: DumpError | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly name: string,
  ) {
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", (error) => this.#fail(`cannot be reached: ${describeSystemError(error)}`, error));
    socket.on("close", () => this.#fail("ended the connection", undefined));
  }

  /**
   * Connects to a QMP socket and waits for QEMU's greeting. `name` is the input's name in messages. Throws
   * `NOT_READABLE`.
   */
  static async open(path: string, name: string): Promise<QmpConnection> {
    const connection = new QmpConnection(connect(path), name);
    const late = setTimeout(
      () => connection.#fail("sends no greeting: perhaps another program is connected", undefined),
      GREETING_MS,
    );
    try {
      await connection.#next((message) => message.QMP !== undefined);
      await connection.command("qmp_capabilities");
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  /** Sends a command and returns its result. Throws `NOT_READABLE`, with QEMU's words if QEMU refuses. */
  async command(name: string, parameters: object = {}): Promise<unknown> {
    const answer = this.#next((message) => message.return !== undefined || message.error !== undefined);
    this.socket.write(`${JSON.stringify({ execute: name, arguments: parameters })}\n`);
    const message = await answer;
    if (message.error === undefined) return message.return;
    throw this.#error(`refused ${name}: ${message.error.desc ?? "it does not say why"}`, undefined);
  }

  /** Waits for an event; returns the error in it, if there is one. */
  async event(name: string): Promise<string | undefined> {
    const message = await this.#next((one) => one.event === name);
    return message.data?.error;
  }

  close(): void {
    this.#fail("was closed", undefined);
    this.socket.destroy();
  }

  #next(wanted: (message: QmpMessage) => boolean): Promise<QmpMessage> {
    const answer = new Promise<QmpMessage>((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure);
      const take = (message: QmpMessage) => {
        if (!wanted(message)) return false;
        resolve(message);
        return true;
      };
      this.#waiting.push({ take, reject });
    });
    // The caller may have given up.
    answer.catch(() => undefined);
    return answer;
  }

  #read(text: string): void {
    const lines = (this.#text + text).split("\n");
    this.#text = lines.pop() ?? "";
    if (this.#text.length > MOST_LINE) this.#fail("sends a line without an end", undefined);
    for (const line of lines) {
      let message: unknown;
      try {
        message = JSON.parse(line);
      } catch {
        if (line.trim() !== "") this.#fail("does not speak QMP", undefined);
        continue;
      }
      if (typeof message !== "object" || message === null) continue;
      const at = this.#waiting.findIndex(({ take }) => take(message as QmpMessage));
      if (at >= 0) this.#waiting.splice(at, 1);
    }
  }

  #fail(what: string, cause: unknown): void {
    this.#failure ??= this.#error(what, cause);
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }

  #error(what: string, cause: unknown): DumpError {
    return new DumpError("NOT_READABLE", `QEMU ${what}`, {
      file: this.name,
      cure: "Name the socket of `-qmp unix:SOCKET,server=on,wait=off`, and look whether the machine runs",
      cause,
    });
  }
}
