// The package as it is published: packed, checked, installed elsewhere, used from ESM, CommonJS, TypeScript and the shell.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const tool = (name: string) => join(root, "node_modules", ".bin", name);
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

/** Runs a program, and shows all that it said when it fails. */
function run(program: string, args: string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8", timeout: 120_000 });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${error?.message ?? ""}\n${stdout}\n${stderr}`);
  return stdout;
}

let user = "";
let tarball = "";
let files: string[] = [];

before(() => {
  user = mkdtempSync(join(tmpdir(), "memcore-user-"));
  const [packed] = JSON.parse(run("npm", ["pack", "--json", "--silent", "--pack-destination", user], root)) as [
    { filename: string; files: { path: string }[] },
  ];
  tarball = join(user, packed.filename);
  files = packed.files.map((file) => file.path);
  writeFileSync(join(user, "package.json"), JSON.stringify({ name: "user", private: true }));
  // Offline: the package needs nothing else.
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--no-package-lock", tarball], user);
});

after(() => {
  rmSync(user, { recursive: true, force: true });
});

test("it holds the addon, both module forms, their types and the licences, and nothing else", () => {
  const extra = files.filter(
    (file) => !/^(dist\/.*\.(cjs|mjs|d\.cts|d\.mts)|native\.cjs|native\.d\.cts|memcore\..*\.node|LICENSE-.*|package\.json|README\.md)$/.test(file),
  );
  assert.deepEqual(extra, []);
  assert.ok(files.includes("dist/index.cjs") && files.includes("dist/index.mjs"));
  assert.ok(files.includes("dist/index.d.cts") && files.includes("dist/index.d.mts"));
  assert.ok(files.includes("LICENSE-APACHE") && files.includes("LICENSE-MIT"));
  assert.ok(files.some((file) => file.endsWith(".node")));
});

test("publint finds nothing", () => {
  run(tool("publint"), ["run", tarball, "--strict"], root);
});

test("its types resolve as its code does, in every mode", () => {
  run(tool("attw"), [tarball, "--no-emoji"], root);
});

test("it is one package for import and require", () => {
  const script = `
    import { createRequire } from "node:module";
    import * as memcore from "memcore";
    const required = createRequire(import.meta.url)("memcore");
    console.log(memcore.version, required.version, memcore.MemcoreError === required.MemcoreError);`;
  assert.equal(run(process.execPath, ["--input-type=module", "-e", script], user), `${version} ${version} true\n`);
});

const USE = `
  const mem = memory();
  mem.register("home1.pv.power", { unit: "W" });
  await mem.write("home1.pv.power", [new Date(0), new Date(1000)], [1, 2]);
  const server = await serve("site", { listen: "127.0.0.1:0" });
  const simulation = await simulate(server, { devices: 1, duration: "5s", speed: null });
  const { rowsSent } = await simulation.finish();
  await server.close();
  console.log((await mem.query("home1.*.power")).series[0].values.length, rowsSent);`;

test("it works as installed, from ESM and from CommonJS", () => {
  const names = "{ memory, serve, simulate }";
  writeFileSync(join(user, "use.mjs"), `import ${names} from "memcore";${USE}`);
  writeFileSync(join(user, "use.cjs"), `const ${names} = require("memcore"); (async () => {${USE}})();`);
  for (const file of ["use.mjs", "use.cjs"]) assert.equal(run(process.execPath, [file], user), "2 5\n", file);
});

test("TypeScript users get its types, strictly checked", () => {
  const source = `
    import { MemcoreError, memory, serve, simulate, version, type CommandResult, type ErrorCode, type Reading } from "memcore";
    const text: string = version;
    export const codeOf = (e: unknown): ErrorCode | string => (e instanceof MemcoreError ? e.code : text);
    export async function use(): Promise<string> {
      using mem = memory();
      const count: number = await mem.write("home1.pv.power", BigInt64Array.of(1n), Float64Array.of(1), { unit: "kW", nan: "keep" });
      const days = await mem.query("home1.*.power", { every: "1d", agg: ["min", "max"], tz: "Europe/Berlin" });
      const lowest: number | undefined = days.rows()[0]?.min;
      const raw: number | undefined = (await mem.query("home1.>")).rows()[0]?.value;
      const mean: number | undefined = (await mem.query("home1.>", { every: 60_000 })).rows()[0]?.mean;
      const times: BigInt64Array | undefined = days.series[0]?.times;
      // @ts-expect-error: this aggregate was not asked for
      days.series[0]?.column("mean");
      // @ts-expect-error: there is no such option
      await mem.query("home1.>", { evry: "1d" });
      // @ts-expect-error: a number could be seconds or milliseconds
      await mem.write("home1.pv.power", 5, 1);
      await using server = await serve("site", { listen: "127.0.0.1:0" });
      await using simulation = await simulate(server, { speed: null, duration: "1h" });
      for await (const reading of server.subscribe(">")) {
        const { series, time, timeUs, value }: Reading = reading;
        return [series, time.toISOString(), timeUs + 1n, value * 2].join(" ");
      }
      const result: CommandResult = await server.command("home1.battery.power", -2000, { lease: "15m", fallback: 0 });
      const stream: ReadableStream<Reading> = server.subscribe(">").toReadableStream();
      if (result.state === "refused") return result.code + result.reason;
      return [count, lowest, raw, mean, times, stream, simulation.sent().points].join(" ");
    }`;
  for (const file of ["user.mts", "user.cts"]) writeFileSync(join(user, file), source);
  symlinkSync(join(root, "node_modules", "@types"), join(user, "node_modules", "@types"));
  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "NodeNext", "--target", "ES2022"];
  run(tool("tsc"), [...options, "--lib", "ES2023,ESNext.Disposable", "--types", "node", "user.mts", "user.cts"], user);
});

test("npx memcore is the command line", () => {
  assert.equal(run("npx", ["--offline", "memcore", "--version"], user), `memcore ${version}\n`);
});
