#!/usr/bin/env node
// `npx memcore`: the same command line as the Rust binary.
import native = require("../native.cjs");

process.exitCode = native.cliMain(["memcore", ...process.argv.slice(2)]);
