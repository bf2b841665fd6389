/** What is said to a server as JSON: what cannot be said is refused here, by its name, before it goes. */
import { InvalidError } from "./errors.cjs";
import { checkText, show } from "./options.cjs";
import { type Duration, toDuration } from "./time.cjs";

/** The longest text: far beyond what any field takes. What is said as a whole ends at 2 MB. */
const TEXT_MAX = 65_536;
const PART_MAX = 1024;
const DEPTH_MAX = 32;

/** The text of a body. JSON would make null of NaN, and leave out what it does not know. */
export function said(call: string, body: object): string {
  return JSON.stringify(plain(call, body, "", 0));
}

function plain(call: string, value: unknown, path: string, depth: number): unknown {
  if (value === null || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return value;
  if (typeof value === "string") return short(call, path, value, TEXT_MAX);
  if (typeof value !== "object") {
    throw new InvalidError(`${call}: ${path} is ${show(value)}, expected a string, a number, an object or an array`);
  }
  if (depth === DEPTH_MAX) throw new InvalidError(`${call}: ${path} is nested more than ${String(DEPTH_MAX)} deep`);
  if (Array.isArray(value)) return value.map((one, at) => plain(call, one, `${path}[${String(at)}]`, depth + 1));
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)) {
    const { name } = value.constructor;
    throw new InvalidError(`${call}: ${path === "" ? "the body" : path} is of class ${name}, expected a plain object`);
  }
  const there = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(there.map(([key, one]) => [key, plain(call, one, path === "" ? key : `${path}.${key}`, depth + 1)]));
}

function short(call: string, name: string, value: string, most: number): string {
  if (value.length > most) throw new InvalidError(`${call}: ${name} has ${String(value.length)} characters, expected at most ${String(most)}`);
  if (/\p{Surrogate}/u.test(value)) throw new InvalidError(`${call}: ${name} is ${show(value)}, expected text without halves of characters`);
  return value;
}

/** A name within a path or a query. */
export function word(call: string, name: string, value: unknown): string {
  const text = short(call, name, checkText(call, name, value), PART_MAX);
  if (text === "") throw new InvalidError(`${call}: ${name} is empty, expected a name`);
  return text;
}

/** A name as it stands in a path. */
export function part(call: string, name: string, value: unknown): string {
  return encodeURIComponent(word(call, name, value));
}

/** A length of time to come, as the server reads it. */
export function length(call: string, name: string, value: Duration | undefined): string | undefined {
  const text = toDuration(`${call}: ${name}`, value);
  if (text !== undefined && !/^0*[1-9]\d{0,14}(us|ms|s|m|min|h|d)$/.test(text)) {
    throw new InvalidError(`${call}: ${name} is ${show(value)}, expected some time to come, such as 90d`);
  }
  return text;
}
