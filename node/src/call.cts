/** Calls into the native addon: their errors become classes, what is awaited can be given up. */
import { fromNative } from "./errors.cjs";

/** Runs a native function. */
export function sync<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

/** Awaits a native promise. */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

/**
 * Awaits a promise until the signal aborts; then rejects with the signal's reason, as `fetch` does. `onAbort` is told, to
 * let go of what nobody waits for any more.
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined, onAbort?: () => void): Promise<T> {
  if (signal === undefined) return promise;
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      onAbort?.();
      reject(signal.reason as Error);
    };
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (abort !== undefined) signal.removeEventListener("abort", abort);
    // The one that lost the race must not end the process as an unhandled rejection.
    promise.catch(() => undefined);
  }
}
