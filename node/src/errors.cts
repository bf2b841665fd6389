/**
 * One class for each kind of error of the core, with its stable `code`.
 *
 * The kinds are those of `ErrorKind` in `memcore/src/error.rs`; a test holds the two lists together.
 */

/** Every kind's code, in the core's order. */
export const ERROR_CODES = [
  "INVALID",
  "NOT_FOUND",
  "CONFLICT",
  "UNAUTHORIZED",
  "LIMIT_REACHED",
  "TIMEOUT",
  "CONNECTION",
  "CLOSED",
  "LOCKED",
  "READ_ONLY",
  "DAMAGED",
  "UNSUPPORTED",
  "IO",
  "INTERNAL",
] as const;

/** What went wrong, coarse enough to act on. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Whether the same call may be repeated; `check_first` means that it may have taken effect. */
export const RETRIES = ["never", "safe", "check_first"] as const;
export type Retry = (typeof RETRIES)[number];

/** Base of every error that memcore throws. Its message names the field, the value and what was expected. */
export abstract class MemcoreError extends Error {
  /** The stable code of the kind, the same in Rust, Python and JSON. */
  abstract readonly code: ErrorCode;
  /** Whether the same call may be repeated. */
  readonly retry: Retry;

  constructor(message: string, options: ErrorOptions & { retry?: Retry } = {}) {
    super(message, options);
    this.name = new.target.name;
    this.retry = options.retry ?? "never";
  }
}

/** An argument, a file or a message does not say what it must. */
export class InvalidError extends MemcoreError {
  readonly code = "INVALID";
}
/** A channel, device, command or file that was asked for does not exist. */
export class NotFoundError extends MemcoreError {
  readonly code = "NOT_FOUND";
}
/** Something of that name exists already with another meaning. */
export class ConflictError extends MemcoreError {
  readonly code = "CONFLICT";
}
/** A credential is missing, wrong or revoked. */
export class UnauthorizedError extends MemcoreError {
  readonly code = "UNAUTHORIZED";
}
/** A stated limit (size, rate, quota, queue) was reached. */
export class LimitReachedError extends MemcoreError {
  readonly code = "LIMIT_REACHED";
}
/** The operation did not end in its time. */
export class TimeoutError extends MemcoreError {
  readonly code = "TIMEOUT";
}
/** The other side cannot be reached, or the connection was lost. */
export class ConnectionError extends MemcoreError {
  readonly code = "CONNECTION";
}
/** The store, server or subscription was closed. */
export class ClosedError extends MemcoreError {
  readonly code = "CLOSED";
}
/** Another process holds the store for writing. */
export class LockedError extends MemcoreError {
  readonly code = "LOCKED";
}
/** The store takes no more writes, after a disk error or because the disk is full. */
export class ReadOnlyError extends MemcoreError {
  readonly code = "READ_ONLY";
}
/** Stored bytes fail their checksum or break an invariant. */
export class DamagedError extends MemcoreError {
  readonly code = "DAMAGED";
}
/** Stored data or a peer is of a version that this one does not know. */
export class UnsupportedError extends MemcoreError {
  readonly code = "UNSUPPORTED";
}
/** The operating system refused an operation. */
export class IoError extends MemcoreError {
  readonly code = "IO";
}
/** A defect of memcore itself. */
export class InternalError extends MemcoreError {
  readonly code = "INTERNAL";
}

const CLASSES: Record<ErrorCode, new (message: string, options?: ErrorOptions & { retry?: Retry }) => MemcoreError> = {
  INVALID: InvalidError,
  NOT_FOUND: NotFoundError,
  CONFLICT: ConflictError,
  UNAUTHORIZED: UnauthorizedError,
  LIMIT_REACHED: LimitReachedError,
  TIMEOUT: TimeoutError,
  CONNECTION: ConnectionError,
  CLOSED: ClosedError,
  LOCKED: LockedError,
  READ_ONLY: ReadOnlyError,
  DAMAGED: DamagedError,
  UNSUPPORTED: UnsupportedError,
  IO: IoError,
  INTERNAL: InternalError,
};

// The addon puts all of an error into its message, because a promise's rejection carries nothing else.
const NATIVE = /^([A-Z_]+)\|(never|safe|check_first)\|(.*)$/s;

/**
 * Turns what the native addon threw, `CODE|retry|message`, into the error's class; the native error stays its `cause`.
 * What is not of that form passes unchanged: a `TypeError` for a wrong argument stays a `TypeError`.
 */
export function fromNative(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown;
  const [, code, retry, message] = NATIVE.exec(thrown.message) ?? [];
  if (code === undefined || message === undefined) return thrown;
  const options = { cause: thrown, retry: retry as Retry };
  if (!isErrorCode(code)) return new InternalError(`${message} (error code ${code} is unknown to this package)`, options);
  return new CLASSES[code](message, options);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(CLASSES, code);
}
