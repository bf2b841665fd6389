// A device gateway as one writes it in Node: TLS, JSON.parse a line, SQLite in synchronous transactions of 1,000 messages.
// It speaks as much of memcore's protocol as the load needs: hello, welcome, data, ack after the commit.
//
// Its table is "long", a row a value, which holds whatever devices report, or "wide", a row a message, made for these eight channels alone.

import { readFileSync } from "node:fs";
import { createServer } from "node:tls";

const [, , port, folder, database, form] = process.argv;
const MESSAGES = 1000;
const PAUSE_MS = 50;

async function open(path) {
  try {
    const { DatabaseSync } = await import("node:sqlite");
    return new DatabaseSync(path);
  } catch {
    const { default: Database } = await import("better-sqlite3");
    return new Database(path);
  }
}

const db = await open(database);
db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
const wide = form === "wide";
const columns = Array.from({ length: 8 }, (_, node) => `v${node} REAL`).join(", ");
db.exec(
  wide
    ? `CREATE TABLE readings (device TEXT, seq INTEGER, time_us INTEGER, ${columns})`
    : "CREATE TABLE readings (series INTEGER, time_us INTEGER, value REAL)",
);
const insert = db.prepare(`INSERT INTO readings VALUES (${Array(wide ? 11 : 3).fill("?").join(", ")})`);
const series = new Map();

// The number of a device's channel, as a table of series gives it.
function seriesOf(device, channel) {
  let number = device.series.get(channel);
  if (number === undefined) device.series.set(channel, (number = series.size)), series.set(`${device.name}.${channel}`, number);
  return number;
}

function store(device, { seq, time_us: time, values }) {
  if (wide) {
    insert.run(
      device.name, seq, time,
      values["node0.power"], values["node1.power"], values["node2.power"], values["node3.power"],
      values["node4.power"], values["node5.power"], values["node6.power"], values["node7.power"],
    );
  } else {
    for (const channel in values) insert.run(seriesOf(device, channel), time, values[channel]);
  }
}

let waiting = [];
let timer = null;

function commit() {
  clearTimeout(timer);
  timer = null;
  const highest = new Map();
  db.exec("BEGIN");
  for (const { device, message } of waiting) {
    store(device, message);
    highest.set(device, message.seq);
  }
  db.exec("COMMIT");
  waiting = [];
  for (const [device, seq] of highest) device.socket.write(`{"type":"ack","seq":${seq}}\n`);
}

function take(device, message) {
  if (message.type === "hello") {
    device.name = message.device;
    device.socket.write(`{"type":"welcome","version":1,"device":"${device.name}","epoch":1,"time_us":${Date.now() * 1000},"durable":0,"message_bytes":1048576}\n`);
  } else if (message.type === "data") {
    waiting.push({ device, message });
    if (waiting.length >= MESSAGES) commit();
    else timer ??= setTimeout(commit, PAUSE_MS);
  }
}

const options = { key: readFileSync(`${folder}/tls/server.key`), cert: readFileSync(`${folder}/tls/server.pem`), minVersion: "TLSv1.3" };
const server = createServer(options, (socket) => {
  const device = { socket, name: "", series: new Map() };
  let rest = "";
  socket.setNoDelay(true);
  socket.setEncoding("utf8");
  socket.on("error", () => {});
  socket.on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) take(device, JSON.parse(line));
  });
});
server.listen(Number(port), "127.0.0.1", () => console.log("listening"));
