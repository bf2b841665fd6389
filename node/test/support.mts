// What several tests use: folders that go away, and programs of a user's own.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

/** The package's folder: programs started in it find the package by its name. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** A folder that is gone after the tests of the file. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "memcore-"));
  after(() => {
    rmSync(made, { recursive: true, force: true });
  });
  return made;
}

/** How a program ended. */
export interface Ended {
  code: number | null;
  out: string;
  error: string;
  millis: number;
}

/** Runs an ES module given as text to its own end; one that does not end by itself is killed, and has no code. */
export function program(source: string, ...args: string[]): Promise<Ended> {
  const begun = Date.now();
  const child = spawn(process.execPath, ["--input-type=module", "-e", source, "--", ...args], { cwd: root, timeout: 30_000 });
  let [out, error] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (error += chunk.toString()));
  return new Promise((resolve) => {
    child.on("close", (code) => {
      resolve({ code, out, error, millis: Date.now() - begun });
    });
  });
}

/** Microseconds of an RFC 3339 text. */
export const us = (text: string): bigint => BigInt(Date.parse(text)) * 1000n;
