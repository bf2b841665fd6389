//! Programs that use a device's bundle, and run as they stand.

export type Language = 'python' | 'node' | 'rust' | 'shell';

export const LANGUAGES: readonly { language: Language; name: string }[] = [
  { language: 'python', name: 'Python' }, { language: 'node', name: 'Node' }, { language: 'rust', name: 'Rust' }, { language: 'shell', name: 'Nothing but Python' },
];

/** A whole program for a device whose bundle lies beside it. The file's name is of the device's name, which is `[A-Za-z0-9_-]`. */
export function snippet(language: Language, device: string): string {
  const file = `${device}.json`;
  switch (language) {
    case 'python': return `# pip install memcore
import time
import memcore as mc

channels = [mc.Channel("power", "W")]

with mc.Device("${file}", channels, buffer="${device}-buffer") as device:
    while True:
        device.send_now([1466.5])  # what was measured, in W; consumption is positive
        time.sleep(1)
`;
    case 'node': return `// npm install memcore
import { setInterval } from "node:timers/promises";
import { connect } from "memcore";

const device = await connect("${file}", { channels: { power: { unit: "W" } }, buffer: "${device}-buffer" });
for await (const _ of setInterval(1000)) {
  await device.sendNow({ power: 1466.5 }); // what was measured, in W; consumption is positive
}
`;
    case 'rust': return `use memcore::client::{Bundle, Device, DeviceOptions};
use memcore::model::{Channel, Unit};

let channels = vec![Channel::gauge("power", Unit::Watt)?.build()?];
let bundle = Bundle::read("${file}".as_ref())?;
let device = Device::connect(DeviceOptions::new(bundle, channels).buffer("${device}-buffer")).await?;
device.send_now(&[Some(1466.5)]).await?; // what was measured, in W; consumption is positive
`;
    case 'shell': return `# examples/minimal_device.py needs nothing but Python's own library
python3 minimal_device.py ${file}
`;
  }
}
