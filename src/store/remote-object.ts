/** An object that is open for reading, as plain data and shared memory: any thread can read it. */
export interface RemoteObject {
  /** `s3://bucket/key`. */
  readonly path: string;
  readonly size: number;
  /** Identifies its content: each request requires it. */
  readonly etag: string;
  /** Its number in the cache. */
  readonly object: number;
  /** The cache. */
  readonly memory: SharedArrayBuffer;
}

/** How much was fetched of an object. */
export interface Fetched {
  /** Bytes received from the store. */
  readonly bytes: number;
  /** Requests for these bytes. */
  readonly requests: number;
}

/** What only the thread that opened an object can do. */
export interface RemoteHandle {
  /**
   * Announces what will be read next: pairs of start and end, ascending. With `anew` they replace earlier
   * announcements, otherwise they are added.
   */
  follow(ranges: Float64Array, anew: boolean): void;
  fetched(): Fetched;
  close(): void;
}

const handles = new WeakMap<RemoteObject, RemoteHandle>();

/** The handle of an object; `undefined` in other threads than the one that opened it. */
export function handleOf(remote: RemoteObject): RemoteHandle | undefined {
  return handles.get(remote);
}

export function setHandle(remote: RemoteObject, handle: RemoteHandle): void {
  handles.set(remote, handle);
}
