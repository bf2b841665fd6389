// What is used of the package. It is built before the tests run (`make addon`) but not before they are checked, so its types stand here.

export interface Running {
  readonly httpUrl: string | null;
  readonly port: number;
  readonly mem: { write(series: string, times: unknown, values: unknown, options?: { unit?: string }): unknown };
  firstLink(): Promise<string | null>;
  enroll(device: string): Promise<object>;
  command(series: string, value: number, options?: object): Promise<{ state: string }>;
  close(): Promise<void>;
}

export interface Simulation {
  stop(): Promise<unknown>;
}

export interface Device {
  send(time: unknown, values: readonly (number | null)[]): unknown;
  close(): unknown;
}

interface Package {
  serve(path: string, options: { listen: string; http: boolean | string; control?: string | object; config?: string }): Promise<Running>;
  simulate(server: Running, options: { devices?: number; seed?: number; speed?: number | null; step?: string; duration?: string; start?: unknown }): Promise<Simulation>;
  connect(bundle: object, channels: readonly object[], carryOut?: (channel: string, value: number) => number): Promise<Device>;
}

export const memcore = (await import(new URL("../../dist/index.mjs", import.meta.url).href)) as Package;
