// An actor of one's own: first against a simulated home, then on a server that controls.
import { SiteModel, serve, simulateControl } from "memcore";

const home = new SiteModel("home1", { zone: "Europe/Berlin" })
  .gridMeter("grid", { power: "power" })
  .pv("pv", { power: "power", rangeW: [-8000, 0] })
  .battery("battery", { storage: { capacityWh: 10_000 }, rangeW: [-5000, 5000], power: "power", soc: "soc", setpoint: "power" })
  .load("household", { power: "power", assumedW: 2000 })
  .strategy("self_consumption");

/** Fills the battery in the last hours of the night, where it is not full. */
const night = (view) => {
  const soc = view.assets.battery.soc;
  const late = view.time.getUTCHours() < 4;
  return late && soc < 0.9 ? { asset: "battery", powerW: 1500, reason: "to be fuller by the morning", priority: 60 } : undefined;
};

const plain = await simulateControl(home, { days: 3, prices: [0.3, 0.08] });
const with_ = await simulateControl(home, { days: 3, prices: [0.3, 0.08], actors: { night: { every: "15m", actor: night } } });
console.log(`without: ${plain.cost.toFixed(2)} ${plain.currency}, with: ${with_.cost.toFixed(2)} ${with_.currency}`);
console.log(with_.why("battery", "2026-06-02T00:30:00Z"));

const server = await serve("site", { listen: "127.0.0.1:0", control: home });
server.actor("night", { every: "1m", budget: "500ms" }, night);
server.propose({ role: "battery", highW: 3000, reason: "the cable is thin", priority: 90, validFor: "1h" });
for (const { asset, decidedW } of server.control.status().assets) console.log(asset, decidedW);
await server.close();
