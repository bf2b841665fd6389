// Errors: the classes are the core's kinds, and what the addon throws becomes them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import test from "node:test";
import * as memcore from "memcore";
import { ERROR_CODES, fromNative, RETRIES } from "../src/errors.cjs";

const core = readFileSync(new URL("../../memcore/src/error.rs", import.meta.url), "utf8");

test("every kind of the core is a code, in its order", () => {
  const codes = [...core.matchAll(/Self::\w+ => "([A-Z_]+)"/g)].map((found) => found[1]);
  assert.ok(codes.length > 0);
  assert.deepEqual(ERROR_CODES, codes);
});

test("every retry advice of the core is known", () => {
  const body = /pub enum Retry \{(.*?)\n\}/s.exec(core)?.[1] ?? "";
  const names = [...body.matchAll(/^ {4}(\w+),$/gm)].map(([, name = ""]) => name.replace(/(?!^)[A-Z]/g, "_$&").toLowerCase());
  assert.deepEqual(RETRIES, names);
});

for (const code of ERROR_CODES) {
  test(`${code} from the addon becomes its class`, () => {
    const cause = new Error(`${code}|check_first|series is "a|b",\nexpected site.device.channel`);
    const error = fromNative(cause);
    assert.ok(error instanceof Error && "code" in error && "retry" in error);
    assert.equal(error.code, code);
    assert.equal(error.retry, "check_first");
    assert.equal(error.message, 'series is "a|b",\nexpected site.device.channel');
    assert.equal(error.cause, cause);
    // NOT_FOUND is a NotFoundError, and the package exports it under that name.
    const name = code.toLowerCase().replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase()) + "Error";
    assert.equal(error.name, name);
    assert.ok(name in memcore, `${name} is not exported`);
  });
}

test("a code of a newer core is still a memcore error, and what is none passes unchanged", () => {
  const unknown = fromNative(new Error("FROM_THE_FUTURE|safe|it did not work"));
  assert.ok(unknown instanceof Error);
  assert.match(unknown.message, /it did not work .*FROM_THE_FUTURE is unknown/);
  for (const other of [new TypeError("expected a string"), "text", undefined]) assert.equal(fromNative(other), other);
});

test("import and require give the same classes", () => {
  const required = createRequire(import.meta.url)("memcore") as typeof memcore;
  assert.equal(required.NotFoundError, memcore.NotFoundError);
  assert.ok(new required.NotFoundError("x") instanceof memcore.MemcoreError);
});
