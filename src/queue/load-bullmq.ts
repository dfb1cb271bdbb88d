import { DumpError, systemErrorCode } from "../errors.js";

/** BullMQ, and ioredis, its client for Redis and Valkey. */
export interface QueueLibrary {
  readonly bullmq: typeof import("bullmq");
  readonly Redis: typeof import("ioredis").Redis;
  readonly Cluster: typeof import("ioredis").Cluster;
}

/**
 * Loads the packages that only the queue needs and that are not installed with coresieve. Throws `BAD_OPTION`, which
 * names the missing packages.
 */
export async function loadBullmq(): Promise<QueueLibrary> {
  try {
    const [bullmq, { Redis, Cluster }] = await Promise.all([import("bullmq"), import("ioredis")]);
    return { bullmq, Redis, Cluster };
  } catch (error) {
    throw missing(error, "the queue needs BullMQ", "npm i bullmq ioredis");
  }
}

/** Loads the OpenTelemetry traces of jobs. Throws `BAD_OPTION`, which names the missing packages. */
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
