// Puts what was built into the crate: each file compressed, and the list of them. `--check` compares instead, by content:
// compressors of two machines may differ in their bytes.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

const dist = new URL('dist/', import.meta.url).pathname;
const place = new URL('../../memcore/src/rest/page/', import.meta.url).pathname;

const KINDS = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

function filesUnder(folder, prefix = '') {
  return readdirSync(folder).sort().flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path, `${prefix}${name}/`) : [{ path: prefix + name, content: readFileSync(path) }];
  });
}

function kindOf(path) {
  const kind = KINDS[/\.\w+$/.exec(path)?.[0] ?? ''];
  if (!kind) throw new Error(`${path}: no content type is known for it; add it to KINDS`);
  return kind;
}

function list(files) {
  const rows = files.map(({ path, content }) => {
    const tag = createHash('sha256').update(content).digest('hex').slice(0, 16);
    return `    File {
        path: "${path}",
        kind: "${kindOf(path)}",
        tag: "W/\\"${tag}\\"",
        gzip: include_bytes!("files/${path}.gz"),
        bytes: ${String(content.length).replace(/\B(?=(\d{3})+$)/g, '_')},
    },`;
  });
  return `//! The files of the page, as \`make page\` built them. Written by node/web/embed.mjs.

use super::File;

pub(super) static FILES: &[File] = &[
${rows.join('\n')}
];
`;
}

function write(files) {
  rmSync(join(place, 'files'), { recursive: true, force: true });
  for (const { path, content } of files) {
    const to = join(place, 'files', `${path}.gz`);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, gzipSync(content, { level: 9 }));
  }
  writeFileSync(join(place, 'files.rs'), list(files));
}

/** What of the crate is not what was built. */
function differences(files) {
  const different = files.filter(({ path, content }) => {
    const at = join(place, 'files', `${path}.gz`);
    return !existsSync(at) || !gunzipSync(readFileSync(at)).equals(content);
  }).map(({ path }) => path);
  const names = new Set(files.map(({ path }) => `${path}.gz`));
  const gone = filesUnder(join(place, 'files')).map(({ path }) => path).filter((path) => !names.has(path));
  const listed = readFileSync(join(place, 'files.rs'), 'utf8') === list(files) ? [] : ['files.rs'];
  return [...different, ...gone, ...listed];
}

const files = filesUnder(dist);
if (process.argv.includes('--check')) {
  const found = differences(files);
  if (found.length > 0) {
    console.error(`the page in memcore/src/rest/page is not what node/web builds: ${found.join(', ')}; run make page and commit it`);
    process.exit(1);
  }
} else {
  write(files);
  const packed = files.reduce((sum, { content }) => sum + gzipSync(content, { level: 9 }).length, 0);
  console.log(`${String(files.length)} files, ${String(Math.round(packed / 1000))} kB compressed`);
}
