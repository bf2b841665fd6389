// The package as it is published: packed, checked, installed elsewhere, used from ESM, CommonJS, TypeScript and the shell.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

test("TypeScript users get its types, strictly checked", () => {
  for (const file of ["user.mts", "user.cts"]) {
    const source = `
      import { MemcoreError, version, type ErrorCode } from "memcore";
      const text: string = version;
      export const codeOf = (e: unknown): ErrorCode | string => (e instanceof MemcoreError ? e.code : text);`;
    writeFileSync(join(user, file), source);
  }
  const options = ["--noEmit", "--strict", "--module", "NodeNext", "--target", "ES2022"];
  run(tool("tsc"), [...options, "user.mts", "user.cts"], user);
});

test("npx memcore is the command line", () => {
  assert.equal(run("npx", ["--offline", "memcore", "--version"], user), `memcore ${version}\n`);
});
