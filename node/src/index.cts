/** The embeddable energy manager: devices over TLS, history, plans and control in one core. */
import native = require("../native.cjs");

export {
  ClosedError,
  ConflictError,
  ConnectionError,
  DamagedError,
  InternalError,
  InvalidError,
  IoError,
  LimitReachedError,
  LockedError,
  MemcoreError,
  NotFoundError,
  ReadOnlyError,
  TimeoutError,
  UnauthorizedError,
  UnsupportedError,
} from "./errors.cjs";
export type { ErrorCode, Retry } from "./errors.cjs";

/** The version of memcore. */
export const version: string = native.version();
