// A dashboard of your own: memcore's API inside a Node application, live values, and a command that is confirmed.
//   node dashboard.mjs [--port 3000] [--for SECONDS]      then open what it prints; memcore's own page is at /energy/
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createRouter, serve, simulate } from "memcore";

const { values } = parseArgs({ options: { port: { type: "string", default: "3000" }, for: { type: "string" } } });
const site = await mkdtemp(join(tmpdir(), "memcore-dashboard-"));
const server = await serve(site, { listen: "127.0.0.1:0" });
await simulate(server, { devices: 6, speed: 1 });

// Your application says who asks, by its own session say. This one is alone on this computer, so everybody is its operator.
const energy = createRouter(server, { prefix: "/energy", authenticate: () => ({ user: "dashboard", roles: { "*": "operator" } }) });

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>home1</title>
<style>
  body { font: 1.2rem system-ui; margin: 2rem; color-scheme: light dark }
  td { padding: 0.3rem 1rem; font-variant-numeric: tabular-nums }
  td + td { text-align: right }
  .stale { opacity: 0.4 }
</style>
<h1>home1</h1>
<table aria-label="Power now"></table>
<p><button>Let the battery give 2 kW for a minute</button> <output></output></p>
<script type="module" src="page.js"></script>
</html>`;

// Runs in the browser. Text from outside becomes text, never markup.
function page() {
  const API = "energy/api/v1/operators/local";
  const [table, button, said] = ["table", "button", "output"].map((name) => document.querySelector(name));
  const cells = new Map();

  const live = new EventSource(`${API}/live?topics=readings&series=home1.*.power`);
  live.addEventListener("readings", ({ data }) => {
    const { series, value } = JSON.parse(data);
    for (const [at, name] of series.entries()) {
      if (!cells.has(name)) {
        const row = table.insertRow();
        row.insertCell().textContent = name.split(".")[1];
        cells.set(name, row.insertCell());
      }
      cells.get(name).textContent = `${value[at].toFixed(0)} W`;
    }
  });
  // It connects again by itself, and goes on where it was; until then what is shown is old, and looks it.
  live.onopen = () => table.classList.remove("stale");
  live.onerror = () => table.classList.add("stale");

  button.onclick = async () => {
    if (!confirm("Let the battery of home1 give 2 kW for a minute?")) return;
    // Should nobody renew it, the battery goes back to 0 by itself.
    const command = { channel: "battery.power", value: -2000, lease: "1m", fallback: 0 };
    const url = `${API}/sites/home1/commands`;
    const headers = { "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
    const sent = await fetch(url, { method: "POST", headers, body: JSON.stringify(command) });
    const answer = await sent.json();
    if (!sent.ok) return (said.textContent = answer.detail);
    const { state, read_back } = await (await fetch(`${url}/${answer.id}?wait=10s`)).json();
    said.textContent = read_back === null ? state : `${state}: the battery says ${read_back} W`;
  };
}

const application = createServer((request, response) => {
  const path = request.url.split("?")[0];
  if (path === "/energy" || path.startsWith("/energy/")) return energy(request, response);
  const [type, body] = path === "/page.js" ? ["text/javascript", `(${page})()`] : ["text/html", PAGE];
  response.writeHead(200, { "content-type": `${type}; charset=utf-8`, "content-security-policy": "default-src 'self'; style-src 'unsafe-inline'" });
  response.end(body);
});
application.on("upgrade", (request, socket, head) => energy.upgrade(request, socket, head) || socket.destroy());
application.listen(Number(values.port), "127.0.0.1", () => console.log(`http://127.0.0.1:${application.address().port}/`));

async function end() {
  application.close();
  await server.close();
  application.closeAllConnections();
  await rm(site, { recursive: true });
}
process.once("SIGINT", end);
if (values.for) setTimeout(end, Number(values.for) * 1000);
