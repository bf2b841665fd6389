/** Options are checked here by name and form, so that a misspelt one is refused instead of ignored. */
import { InvalidError } from "./errors.cjs";

/** Says what was expected where the value is not it. */
type Check = (value: unknown) => string | undefined;

const expecting =
  (expected: string, holds: (value: unknown) => boolean): Check =>
  (value) =>
    holds(value) ? undefined : expected;

export const text = expecting("a string", (value) => typeof value === "string");
export const flag = expecting("true or false", (value) => typeof value === "boolean");
export const address = expecting("true, false or a string such as \"127.0.0.1:8080\"", (value) => typeof value === "boolean" || typeof value === "string");
export const number = expecting("a number", (value) => typeof value === "number");
export const signal = expecting("an AbortSignal", (value) => value instanceof AbortSignal);
/** What is converted, and so checked, on its own. */
export const anything: Check = () => undefined;
export const whole = (most: number): Check =>
  expecting(`a whole number from 0 to ${String(most)}`, (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most);
export const count = whole(2 ** 32 - 1);
export const many = expecting("a whole number of 1 or more", (value) => Number.isSafeInteger(value) && (value as number) >= 1);
export const bytes = whole(Number.MAX_SAFE_INTEGER);
export const callable = expecting("a function", (value) => typeof value === "function");
export const record = expecting("an object", (value) => typeof value === "object" && value !== null && !Array.isArray(value));
export const words = expecting(
  "a string or an array of strings",
  (value) => typeof value === "string" || (Array.isArray(value) && value.every((word) => typeof word === "string")),
);
export const texts = expecting("an array of strings", (value) => Array.isArray(value) && value.every((word) => typeof word === "string"));
export const numbers = expecting("an array of numbers", (value) => Array.isArray(value) && value.every((one) => typeof one === "number"));
export const pair = expecting(
  "two numbers",
  (value) => Array.isArray(value) && value.length === 2 && value.every((end) => typeof end === "number"),
);
export const oneOf = (...known: string[]): Check => expecting(known.join(" or "), (value) => known.includes(value as string));

/** Refuses options that are not known, and those of a wrong form, by name. An option that is `undefined` is not there. */
export function checkOptions(call: string, options: unknown, known: Record<string, Check>): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new InvalidError(`${call}: options are ${show(options)}, expected an object`);
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(known, name) ? known[name] : undefined;
    if (check === undefined) {
      throw new InvalidError(`${call}: option ${show(name)} is not known, expected one of ${Object.keys(known).join(", ")}`);
    }
    if (value !== undefined) checkValue(call, name, value, check);
  }
}

/** An argument of that form. */
export function checkValue(call: string, name: string, value: unknown, check: Check): void {
  const expected = check(value);
  if (expected !== undefined) throw new InvalidError(`${call}: ${name} is ${show(value)}, expected ${expected}`);
}

/** An argument that must be a string. */
export function checkText(call: string, name: string, value: unknown): string {
  checkValue(call, name, value, text);
  return value as string;
}

/** An argument that must be a number. */
export function checkNumber(call: string, name: string, value: unknown): number {
  checkValue(call, name, value, number);
  return value as number;
}

/** A value as it is quoted in a message: short. */
export function show(value: unknown): string {
  if (typeof value === "bigint") return `${String(value)}n`;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  const quoted = typeof value === "string" ? JSON.stringify(value) : String(value);
  return quoted.length > 80 ? `${quoted.slice(0, 80)}...` : quoted;
}

/** What is `undefined` is left out. */
export type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** The same object without what is `undefined`, as the native addon's types ask for it. */
export function given<T extends object>(options: T): Partial<Given<T>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<Given<T>>;
}
