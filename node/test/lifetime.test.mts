// When a process ends, and that nothing keeps it: each case is a program of a user's own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { type Ended, folder, program, root } from "./support.mjs";

const SERVE = `
  import { open, serve, simulate } from "memcore";
  const path = process.argv.at(-1);
  const server = await serve(path, { listen: "127.0.0.1:0" });
  const simulation = await simulate(server, { devices: 3, speed: 1, step: "20ms" });`;

/** It ended by itself, well, and soon. */
function assertEnded(ended: Ended, out: string): void {
  assert.deepEqual([ended.code, ended.out], [0, out], ended.error);
  assert.ok(ended.millis < 15_000, `it took ${String(ended.millis)} ms`);
}

const ENDINGS: Record<string, string> = {
  "everything is closed": `
    const live = server.subscribe(">");
    await live.next();
    live.close();
    await simulation.stop();
    await server.close();`,
  "a subscription and a simulation were forgotten, but the server was closed": `
    const live = server.subscribe(">");
    const loop = (async () => { for await (const reading of live); })();
    server.events().next();
    await server.close();
    await loop;`,
  "the server is closed while calls are under way": `
    const calls = [
      server.command("home1.battery.power", 0, { lease: "1m", fallback: 0 }),
      server.mem.query(">"), server.enroll("home9.pv"), server.subscribe(">").next(), simulation.finish(),
    ];
    await Promise.all([server.close(), server.close(), simulation.stop()]);
    await Promise.allSettled(calls);`,
};

for (const [ending, code] of Object.entries(ENDINGS)) {
  test(`the process ends by itself when ${ending}`, async () => {
    assertEnded(await program(`${SERVE}${code}\nconsole.log("ended");`, folder()), "ended\n");
  });
}

test("a history that was not closed keeps nobody, and what was written is there", async () => {
  const path = folder();
  const writer = `
    import { open } from "memcore";
    const mem = open(process.argv.at(-1));
    console.log(await mem.write("home1.pv.power", 0n, 1, { unit: "W" }));`;
  assertEnded(await program(writer, path), "1\n");
  const reader = `
    import { open } from "memcore";
    console.log((await open(process.argv.at(-1)).query(">")).length);`;
  assertEnded(await program(reader, path), "1\n");
});

test("exit with work under way is an exit, twenty times", async () => {
  const code = `${SERVE}
    server.subscribe(">").next(); server.mem.query(">"); simulation.finish();
    server.command("home1.battery.power", 0, { lease: "1m", fallback: 0 });
    setTimeout(() => process.exit(7), Math.random() * 30);`;
  for (let round = 0; round < 20; round++) {
    const ended = await program(code, folder());
    assert.equal(ended.code, 7, ended.error);
  }
});

test("a server that nobody holds goes on serving, and keeps its process", async () => {
  const code = `
    import { serve } from "memcore";
    await serve(process.argv.at(-1), { listen: "127.0.0.1:0" });
    console.log("serving");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code, "--", folder()], { cwd: root });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(child.exitCode, null);
  child.kill("SIGTERM");
  const signal = await new Promise((resolve) => child.once("exit", (_, by) => { resolve(by); }));
  assert.equal(signal, "SIGTERM");
});

test("workers load it, use it, serve, and are terminated in the middle, ten times", async () => {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { memory, serve, simulate } = require("memcore");
    (async () => {
      const mem = memory();
      await mem.write("home1.pv.power", 0n, 1, { unit: "W" });
      const server = await serve(workerData, { listen: "127.0.0.1:0" });
      await simulate(server, { devices: 2, speed: 1, step: "10ms" });
      for await (const reading of server.subscribe(">")) parentPort.postMessage(reading.series);
    })();`;
  for (let round = 0; round < 10; round++) {
    const worker = new Worker(code, { eval: true, workerData: folder() });
    const series = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    assert.match(String(series), /^home1\./);
    await worker.terminate();
  }
});

test("Ctrl-C ends the command line's server in order", async () => {
  const bin = spawn(process.execPath, ["dist/bin.cjs", "serve", "--site", folder(), "--http", "off", "--listen", "127.0.0.1:0"], { cwd: root });
  // Should it not obey, the test fails by the exit code instead of waiting for ever.
  setTimeout(() => bin.kill("SIGKILL"), 20_000).unref();
  let said = "";
  const heard = new Promise<void>((resolve) => {
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (/127\.0\.0\.1:\d+/.test(said)) resolve();
    };
    bin.stdout.on("data", hear);
    bin.stderr.on("data", hear);
  });
  const ended = new Promise<number | null>((resolve) => bin.once("exit", resolve));
  await Promise.race([heard, ended]);
  bin.kill("SIGINT");
  assert.ok([0, 130].includes((await ended) ?? -1), said);
  assert.match(said, /shutting down/);
});

test("the command line's exit code is the program's", async () => {
  const run = (...args: string[]): Promise<number | null> =>
    new Promise((resolve) => spawn(process.execPath, ["dist/bin.cjs", ...args], { cwd: root }).once("exit", resolve));
  assert.equal(await run("--version"), 0);
  assert.equal(await run("query", "home1.*.power", "--site", `${folder()}/nowhere`), 1);
  assert.equal(await run("fly"), 2);
});
