// What is used of the package. It is built before the tests run (`make addon`) but not before they are checked, so its types stand here.

export interface Running {
  readonly httpUrl: string | null;
  readonly mem: {
    write(series: string, times: readonly Date[], values: readonly number[], options?: { unit?: string }): Promise<number>;
  };
  firstLink(): Promise<string | null>;
  enroll(device: string): Promise<object>;
  revoke(device: string): Promise<void>;
  command(series: string, value: number, options?: object): Promise<{ state: string }>;
  close(): Promise<void>;
}

export interface Simulation {
  stop(): Promise<unknown>;
}

export interface Device {
  send(time: Date, values: Readonly<Record<string, number | null>>): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface ChannelOptions {
  unit: string;
  quantity?: string;
  labels?: Readonly<Record<string, string>>;
  writable?: boolean;
  range?: readonly [number, number];
}

interface Package {
  serve(path: string, options: { listen: string; http: boolean | string; control?: string }): Promise<Running>;
  simulate(server: Running, options: { devices?: number; seed?: number; speed?: number | null; step?: string; duration?: string }): Promise<Simulation>;
  connect(
    bundle: object,
    options: { channels: Readonly<Record<string, ChannelOptions>>; onCommand?: (channel: string, value: number) => number },
  ): Promise<Device>;
}

export const memcore = (await import(new URL("../../dist/index.mjs", import.meta.url).href)) as Package;
