/** TypeScript's ES2023 does not declare it; Node 16 and later have it. */
type WaitAsync = (
  array: Int32Array,
  index: number,
  value: number,
) => { readonly async: boolean; readonly value: Promise<string> | string };

/** Resolves when a number in shared memory is not `value`, or was notified. */
export async function changed(array: Int32Array, index: number, value: number): Promise<void> {
  const wait = (Atomics as unknown as { waitAsync: WaitAsync }).waitAsync(array, index, value);
  if (wait.async) await wait.value;
}
