import { DumpError, systemErrorCode } from "../errors.js";

/** BullMQ, and ioredis, which it speaks to Redis and Valkey with. */
export interface QueueLibrary {
  readonly bullmq: typeof import("bullmq");
  readonly Redis: typeof import("ioredis").Redis;
  readonly Cluster: typeof import("ioredis").Cluster;
}

/** Loads what only the queue needs and is not installed with coresieve. Throws `BAD_OPTION` that names what to install. */
export async function loadBullmq(): Promise<QueueLibrary> {
  try {
    const [bullmq, { Redis, Cluster }] = await Promise.all([import("bullmq"), import("ioredis")]);
    return { bullmq, Redis, Cluster };
  } catch (error) {
    throw missing(error, "the queue needs BullMQ", "npm i bullmq ioredis");
  }
}

/** What makes traces of jobs for OpenTelemetry. Throws `BAD_OPTION` that names what to install. */
export async function loadTelemetry(): Promise<import("bullmq").Telemetry> {
  try {
    const { BullMQOtel } = await import("bullmq-otel");
    return new BullMQOtel({ tracerName: "coresieve" });
  } catch (error) {
    throw missing(error, "--traces needs bullmq-otel", "npm i bullmq-otel @opentelemetry/api");
  }
}

function missing(error: unknown, what: string, install: string): unknown {
  const code = systemErrorCode(error);
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return error;
  return new DumpError("BAD_OPTION", `${what}, which is not installed`, {
    cure: `Run \`${install}\``,
    cause: error,
  });
}
