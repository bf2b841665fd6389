#!/usr/bin/env node
// `npx memcore`: the same command line as the Rust binary.
import native = require("../native.cjs");

// Node's own handler raises the signal again and trusts that it was unset by then, which never comes to pass once the command
// line handles the signal: Ctrl-C would spin for ever. A listener that comes and goes leaves the system's default behind.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  const listener = (): void => undefined;
  process.on(signal, listener);
  process.off(signal, listener);
}

process.exitCode = native.cliMain(["memcore", ...process.argv.slice(2)]);
