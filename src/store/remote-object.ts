/** An object that is open for reading, as plain data and shared memory: any thread can read it. */
export interface RemoteObject {
  /** `s3://bucket/key`. */
  readonly path: string;
  readonly size: number;
  /** Of its content: every request for it names this one. */
  readonly etag: string;
  /** Its number in the cache. */
  readonly object: number;
  /** The cache. */
  readonly memory: SharedArrayBuffer;
}

/** What was fetched of an object. */
export interface Fetched {
  /** Bytes that came from the store. */
  readonly bytes: number;
  /** Requests for them. */
  readonly requests: number;
}

/** What only the thread can do that opened an object. */
export interface RemoteHandle {
  /**
   * Says what will be read next: pairs of start and end, ascending. It comes behind what was said before, or with `anew` instead of it.
   */
  follow(ranges: Float64Array, anew: boolean): void;
  fetched(): Fetched;
  close(): void;
}

const handles = new WeakMap<RemoteObject, RemoteHandle>();

/** The handle of an object; `undefined` in all threads but the one that opened it. */
export function handleOf(remote: RemoteObject): RemoteHandle | undefined {
  return handles.get(remote);
}

export function setHandle(remote: RemoteObject, handle: RemoteHandle): void {
  handles.set(remote, handle);
}
