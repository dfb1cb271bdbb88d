import { abortedError, DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import { forgetUnfinished, watchUnfinished } from "../unfinished.js";
import { copyBytes } from "./copy-bytes.js";
import { lostUploads, UPLOADS_UNKNOWN } from "./lost-uploads.js";
import { ownedUploads } from "./named-uploads.js";
import { addStretch, clearRest, isWhole, type OpenPart } from "./open-part.js";
import type { StoreThread } from "./open-store.js";
import { partMemory } from "./part-memory.js";
import { MAX_OBJECT_SIZE, type PartPlan, partPlan } from "./part-plan.js";
import { isUploadGone } from "./s3-errors.js";
import type { ObjectLocation, StoredPart, UnfinishedUpload, UsedUpload } from "./store-types.js";
import { storePath } from "./store-url.js";

/** How much an upload sent. */
export interface UploadCounts {
  readonly parts: number;
  /** Parts that an earlier run had sent. */
  readonly resumed: number;
  /** Bytes that this run sent. */
  readonly bytesSent: number;
  /**
   * Whether unfinished uploads could not be listed: then an interrupted one is not continued, and one whose begin was
   * done and not answered is not found.
   */
  readonly unlisted?: boolean;
}

/** Bytes that are being sent at the same time, if that is more than one part. */
const IN_FLIGHT_BYTES = 24 * 2 ** 20;
/** The assumed maximum if the size of a file is not known: 30 TiB. */
const UNKNOWN_SIZE = 30 * 2 ** 40;
/**
 * Writes at this offset or before it are writes of headers (a page has at most 64 KiB), which may be repeated until the
 * end.
 */
const HEADER = 65_536;
/** The most unfinished uploads of one name that are checked. */
const MOST_LOOKED_INTO = 5;
/** How often an upload is begun of which no part is there yet. */
const MOST_BEGINNINGS = 3;

/** An upload to which several hosts send parts; this one sends the rest. */
export interface SharedUpload {
  readonly uploadId: string;
  /** Parts that other hosts send. */
  readonly sent: readonly StoredPart[];
  /** All parts that the store has. */
  readonly known: readonly StoredPart[];
  /** The mark with which the upload was begun; an object of one request gets it, too. */
  readonly mark: string;
}

/**
 * An object as an upload of parts, written at offsets. A part is sent when all its bytes are written, or when ascending
 * writes have passed it; parts with headers are sent last. Parts that an unfinished upload of the same name has
 * already, by size and checksum, are not sent again. An object of one part is sent in one request.
 */
export class ObjectUpload {
  readonly #store: StoreThread;
  readonly #at: ObjectLocation;
  readonly #force: boolean;
  #plan: PartPlan | undefined;
  #most = UNKNOWN_SIZE;
  readonly #open = new Map<number, OpenPart>();
  readonly #sent = new Map<number, StoredPart>();
  readonly #sending = new Set<Promise<void>>();
  #sendingBytes = 0;
  #upload: Promise<UsedUpload> | undefined;
  #beginnings = 0;
  #unlisted = false;
  /** Whether a request to begin an upload may have been done without an answer. */
  #isBeginUnsure = false;
  #uploadId: string | undefined;
  /**
   * If beginning the upload took several requests: the uploads of this name that were there before, and the most that
   * may have been begun without an answer.
   */
  #mayHaveLost: { readonly before: ReadonlySet<string>; readonly most: number } | undefined;
  /** Writes from this offset on are ascending, and have reached `#reached`. */
  #ascending = Number.POSITIVE_INFINITY;
  #reached = 0;
  #completion: Promise<unknown> | undefined;
  #failure: unknown;
  #resumed = 0;
  #bytesSent = 0;
  readonly #shared: SharedUpload | undefined;

  constructor(store: StoreThread, at: ObjectLocation, force: boolean, shared?: SharedUpload) {
    this.#store = store;
    this.#at = at;
    this.#force = force;
    this.#shared = shared;
    if (shared === undefined) return;
    this.#uploadId = shared.uploadId;
    this.#upload = Promise.resolve({
      id: shared.uploadId,
      known: new Map(shared.known.map((part) => [part.number, part])),
    });
    for (const part of shared.sent) this.#sent.set(part.number, part);
  }

  get counts(): UploadCounts {
    return {
      ...{ parts: Math.max(1, this.#sent.size), resumed: this.#resumed, bytesSent: this.#bytesSent },
      ...(this.#unlisted && { unlisted: true }),
    };
  }

  /** Announces, before the first write, the most bytes of the object. */
  atMost(bytes: number): void {
    this.#most = bytes;
  }

  /** Announces, before the first write, that writes from this offset on are ascending. */
  ascendingFrom(offset: number): void {
    this.#ascending = offset;
  }

  /**
   * Resolves when there is room for more. Throws the error of any part sent until now: `NOT_WRITABLE`, `SIZE_LIMIT` …
   */
  async write(bytes: Uint8Array, offset: number): Promise<void> {
    this.#throwFailure();
    // It does not say that writing has come to its offset: a finishing job describes all pages of a shard before it writes what that left.
    if (bytes.length === 0) return;
    this.#plan ??= partPlan(this.#most);
    const plan = this.#plan;
    const end = offset + bytes.length;
    if (end > plan.start(plan.parts)) throw this.#tooLarge();
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done;
      const index = plan.indexOf(at);
      const part = this.#partOf(index);
      const within = at - plan.start(index);
      const n = Math.min(bytes.length - done, part.bytes.length - within);
      copyBytes(bytes.subarray(done, done + n), part.bytes, within);
      part.held ||= offset <= HEADER || index === 0;
      addStretch(part.written, within, within + n);
      done += n;
      if (isWhole(part)) await this.#send(part);
    }
    if (offset >= this.#ascending && end > this.#reached) {
      this.#reached = end;
      // What was left out in parts behind the writer stays zeros.
      for (const part of [...this.#open.values()]) {
        const [start, to] = [plan.start(part.index), plan.start(part.index + 1)];
        if (to <= end && start >= this.#ascending) await this.#send(part);
      }
    }
  }

  #partOf(index: number): OpenPart {
    const known = this.#open.get(index);
    if (known !== undefined) return known;
    if (this.#sent.has(index + 1)) throw new Error(`part ${index + 1} was written to after it was sent`);
    const plan = this.#plan as PartPlan;
    const length = plan.start(index + 1) - plan.start(index);
    const part: OpenPart = { index, bytes: partMemory.take(length), written: [], held: false };
    this.#open.set(index, part);
    return part;
  }

  /** Sends a part, unless it must be sent last; waits while enough parts are being sent. */
  async #send(part: OpenPart, length = part.bytes.length): Promise<void> {
    if (part.held || !this.#open.delete(part.index)) return;
    const bytes = part.bytes.subarray(0, length);
    clearRest(part);
    while (this.#sendingBytes > 0 && this.#sendingBytes + length > IN_FLIGHT_BYTES) {
      await Promise.race(this.#sending);
      this.#throwFailure();
    }
    this.#sendingBytes += length;
    const sending = this.#sendPart(part.index + 1, bytes)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .then(() => {
        this.#sendingBytes -= length;
        this.#sending.delete(sending);
        partMemory.keep(part.bytes);
      });
    this.#sending.add(sending);
  }

  async #sendPart(number: number, bytes: Uint8Array): Promise<void> {
    this.#upload ??= this.#begin();
    const used = this.#upload;
    const { id, known } = await used;
    const sending = this.#store.sendPart(this.#at, id, number, bytes, known.get(number));
    const { part, sent } = await sending.catch((error: unknown) => {
      if (!isUploadGone(error) || this.#shared !== undefined) throw error;
      if (this.#upload === used) {
        // As long as it has no part, another run may take it for an upload that it lost, and end it.
        if (this.#sent.size > 0 || this.#beginnings === MOST_BEGINNINGS) throw error;
        this.#upload = this.#begin();
      }
      return { part: undefined, sent: false };
    });
    // Another part found meanwhile that the upload is gone, and has begun a new one, which needs this part, too.
    if (part === undefined || this.#upload !== used) return this.#sendPart(number, bytes);
    this.#sent.set(number, part);
    if (sent) this.#bytesSent += bytes.length;
    else this.#resumed++;
  }

  /** Continues the unfinished upload of this name that has the most parts; begins a new one if there is none. */
  async #begin(): Promise<UsedUpload> {
    this.#beginnings++;
    const unfinished = await this.#unfinished();
    const before = await this.#mostOf(unfinished?.slice(-MOST_LOOKED_INTO) ?? []);
    const id = before?.id ?? (await this.#create(unfinished));
    this.#uploadId = id;
    watchUnfinished(this);
    return before ?? { id, known: new Map() };
  }

  /** Of these uploads the one that has the most parts, if one has any. Those of runs by many hosts do not count. */
  async #mostOf(uploads: readonly UnfinishedUpload[]): Promise<UsedUpload | undefined> {
    let isOwned: Awaited<ReturnType<typeof ownedUploads>> | undefined;
    let best: UsedUpload | undefined;
    for (const upload of uploads) {
      const parts = await this.#store.listParts(this.#at, upload.uploadId);
      if (parts === undefined || parts.length <= (best?.known.size ?? 0)) continue;
      isOwned ??= await ownedUploads(this.#store, this.#at).catch(unlessRefused(() => true));
      if (isOwned(upload)) continue;
      best = { id: upload.uploadId, known: new Map(parts.map((part) => [part.number, part])) };
    }
    return best;
  }

  /** `unfinished`: the uploads of this name that are there; `undefined` if that is not known. */
  async #create(unfinished: readonly UnfinishedUpload[] | undefined): Promise<string> {
    // What was lost when it was begun before is still looked for.
    const { before, most } = this.#mayHaveLost ?? {
      before: unfinished && new Set(unfinished.map(({ uploadId }) => uploadId)),
      most: 0,
    };
    this.#mayHaveLost = before && { before, most: Number.POSITIVE_INFINITY };
    const wasUnsure = this.#isBeginUnsure;
    this.#isBeginUnsure = true;
    const { uploadId, unanswered } = await this.#store.createUpload(this.#at);
    this.#isBeginUnsure = wasUnsure || unanswered > 0;
    const lost = most + unanswered;
    this.#mayHaveLost = before && lost > 0 ? { before, most: lost } : undefined;
    return uploadId;
  }

  /** `undefined`: they cannot be listed. Then each run begins a new one. */
  async #unfinished(): Promise<readonly UnfinishedUpload[] | undefined> {
    const all = await this.#store.listUploads(this.#at).catch(unlessRefused(undefined));
    this.#unlisted = all === undefined;
    return all?.filter(({ key }) => key === this.#at.key);
  }

  /**
   * Uploads that this run began by requests whose answers were lost: not there before, begun not later than its own, and
   * without parts until now. If there are more than such requests, somebody else's are among them, and none is named.
   */
  async #lost(): Promise<readonly UnfinishedUpload[]> {
    if (this.#mayHaveLost === undefined) return [];
    const { before, most } = this.#mayHaveLost;
    const found = await lostUploads(this.#store, this.#at, (uploads) => {
      const own = uploads.find(({ uploadId }) => uploadId === this.#uploadId);
      if (this.#uploadId !== undefined && own?.initiated === undefined) return [];
      const until = own?.initiated ?? Number.POSITIVE_INFINITY;
      return uploads.filter(
        (one) => one !== own && !before.has(one.uploadId) && (one.initiated ?? Number.POSITIVE_INFINITY) <= until,
      );
    }).catch(() => []);
    return found === undefined || found.length > most ? [] : found;
  }

  /** Ends them, when this run's own upload ends: until then nobody else has sent a part to them. */
  async #endLost(): Promise<void> {
    // What cannot be removed fails no run whose output is whole.
    for (const { uploadId } of await this.#lost()) {
      await this.#store.abortUpload(this.#at, uploadId).catch(() => undefined);
    }
  }

  /**
   * All bytes are written, and the object has `size` bytes: sends the remaining parts, headers last, and completes the
   * upload.
   */
  async finish(size: number): Promise<void> {
    this.#plan ??= partPlan(this.#most);
    const plan = this.#plan;
    if (size > plan.start(plan.parts)) throw this.#tooLarge();
    const last = plan.indexOf(Math.max(0, size - 1));
    const lengthOf = (index: number) => Math.min(plan.start(index + 1), size) - plan.start(index);
    if (last === 0) {
      const only = this.#partOf(0);
      clearRest(only);
      await this.#store.put(this.#at, only.bytes.subarray(0, size), {
        force: this.#force,
        contentType: "application/octet-stream",
        mark: this.#shared?.mark,
      });
      this.#bytesSent = size;
      partMemory.keep(only.bytes);
      return;
    }
    const unsent = [];
    for (let index = 0; index <= last; index++) if (!this.#sent.has(index + 1)) unsent.push(index);
    // Parts that are being sent are neither in `#open` nor in `#sent`.
    await Promise.all(this.#sending);
    this.#throwFailure();
    const order = unsent.filter((index) => !this.#sent.has(index + 1));
    const held = (index: number) => this.#open.get(index)?.held === true;
    for (const index of [...order.filter((one) => !held(one)), ...order.filter(held)]) {
      const part = this.#partOf(index);
      part.held = false;
      await this.#send(part, lengthOf(index));
    }
    await Promise.all(this.#sending);
    this.#throwFailure();
    if (this.#uploadId === undefined) throw new Error("an upload of several parts was never begun");
    const parts = [...this.#sent.values()].sort((a, b) => a.number - b.number);
    await this.#endLost();
    this.#completion = this.#store.completeUpload(this.#at, this.#uploadId, parts, { force: this.#force });
    await this.#completion;
    forgetUnfinished(this);
  }

  /**
   * Ends the upload and removes its parts, unless it is shared or an earlier run began it: another run may be sending
   * to it. Returns what is left or may be.
   */
  async abort(): Promise<string | undefined> {
    // Nothing must be sent after the abort.
    this.#failure ??= abortedError({});
    await Promise.allSettled([...this.#sending, this.#upload]);
    if (this.#shared !== undefined) return undefined;
    if (this.#uploadId === undefined) {
      const lost = (await this.#lost()).length > 0;
      return lost ? `an upload may be left that it began without an answer: ${this.#howToRemove()}` : this.#unsure();
    }
    forgetUnfinished(this);
    try {
      const done = await this.#completion?.then(
        () => true,
        () => false,
      );
      // Too late: the store was asked to make the object, and did.
      if (done === true) return "the output was complete already";
      await this.#endLost();
      if (await this.#isFound()) {
        return `the unfinished upload that it continued stays: ${this.#howToRemove()}`;
      }
      await this.#store.abortUpload(this.#at, this.#uploadId);
      return this.#unsure();
    } catch {
      return `its unfinished upload could not be removed: ${this.#howToRemove()}`;
    }
  }

  /** Whether the upload is one that this run found, and that is still there. */
  async #isFound(): Promise<boolean> {
    const used = await this.#upload;
    if (used === undefined || used.known.size === 0) return false;
    return (await this.#store.listParts(this.#at, used.id)) !== undefined;
  }

  #unsure(): string | undefined {
    return this.#unlisted && this.#isBeginUnsure ? UPLOADS_UNKNOWN : undefined;
  }

  dropAtOnce(): string {
    return `the unfinished upload to ${storePath(this.#at)} stays: ${this.#howToRemove()}`;
  }

  #howToRemove(): string {
    return `run it again to go on with it, or \`coresieve uploads --abort ${storePath(this.#at)}\` to remove it`;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #tooLarge(): DumpError {
    return new DumpError("SIZE_LIMIT", `is larger than 10,000 parts can hold (${MAX_OBJECT_SIZE} bytes)`, {
      file: storePath(this.#at),
      cure: `Drop more (${OPTION.level31}), compress (${OPTION.zlib}), or write a split set`,
    });
  }
}

/** Instead of an error that says that the account may not do it, or that the store does not support it. */
function unlessRefused<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof DumpError && error.code === "NOT_WRITABLE") return instead;
    throw error;
  };
}
