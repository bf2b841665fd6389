/** The doctor: what is wrong with a file or with history, before it does harm. */
import native = require("../native.cjs");
import { settled, sync } from "./call.cjs";
import { type ImportOptions, READING, type RefusedRow, type Understood, WORK, type WorkOptions, dated, fileSettings, work } from "./history.cjs";
import { anything, checkOptions, checkText, given, pair, record, show, text, words } from "./options.cjs";
import { type TimeLike, toMicros } from "./time.cjs";

/** What is wrong, or worth knowing. */
export type FindingKind =
  | "sampling"
  | "gap"
  | "duplicate"
  | "out_of_order"
  | "frozen"
  | "spike"
  | "reset"
  | "rollover"
  | "glitch"
  | "counter_backwards"
  | "sentinel"
  | "unit_slip"
  | "sign"
  | "clock_shift"
  | "daylight_saving"
  | "label"
  | "night_power";

/** How to look. */
export interface LookOptions {
  /** The zone of times without one, or that the site lies in. */
  tz?: string;
  /** Degrees north and east, to know when the sun shines. */
  position?: readonly [north: number, east: number];
  /** What series are in the energy balance. */
  roles?: Readonly<Record<string, "grid" | "pv" | "battery" | "load">>;
  /** Looks only for these. */
  only?: FindingKind | readonly FindingKind[];
}

/** How a file is read and looked at. */
export type DoctorOptions = LookOptions & Omit<ImportOptions, "dryRun" | "strict" | "refused">;

/** Over which time history is looked at. */
export interface ExamineOptions extends LookOptions, WorkOptions {
  /** Only from this instant on. */
  start?: TimeLike;
  /** Only before this instant. */
  end?: TimeLike;
}

/** A field of a series' description, or of a file's mapping, that should be declared; without a series it is of the whole file. */
export interface Declaration {
  readonly series?: string;
  readonly field: string;
  readonly value: unknown;
}

/** A picture: few enough points to draw, in order of time. */
export interface Picture {
  readonly title: string;
  readonly unit: string;
  /** Milliseconds since 1970, as charts take them. */
  readonly times: readonly number[];
  /** One value a time; `null` where there is a hole. */
  readonly lines: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
  /** Stretches of time that are pointed at. */
  readonly marks: readonly { readonly start: number; readonly end: number; readonly text: string }[];
}

/** One thing that the doctor found. */
export class Finding {
  readonly #native: native.NativeFindings;
  readonly #at: number;
  readonly kind!: FindingKind;
  readonly severity!: "note" | "warning" | "fault";
  /** The series that show it. */
  readonly series!: readonly string[];
  /** How often it occurs. */
  readonly count!: number;
  /** Where, at most a thousand ranges, both ends included; the first row of data is 0. */
  readonly rows!: readonly { readonly first: number; readonly last: number }[];
  /** The earliest instant that it concerns. */
  readonly start?: Date;
  /** The latest. */
  readonly end?: Date;
  /** How sure the doctor is, 0 to 1. */
  readonly confidence!: number;
  readonly message!: string;
  /** What to declare, so that memcore reads it right. */
  readonly declare!: readonly Declaration[];
  /** What to do about what no declaration mends. */
  readonly repair?: string;
  readonly picture!: Picture;

  /** @internal */
  constructor(findings: native.NativeFindings, at: number, told: object) {
    this.#native = findings;
    this.#at = at;
    Object.assign(this, told);
  }

  /** The data of its picture for uPlot: times in seconds, then an array of values a line. */
  uplot(): [times: number[], ...lines: (number | null)[][]] {
    return [this.picture.times.map((time) => time / 1000), ...this.picture.lines.map(({ values }) => [...values])];
  }

  /** The options of its picture for ECharts: a line for each of its lines, and areas where it points at. */
  echarts(): object {
    const { title, unit, times, lines, marks } = this.picture;
    const areas = marks.map(({ start, end, text }) => [{ xAxis: start, name: text }, { xAxis: end }]);
    const series = lines.map(({ name, values }, at) => ({
      type: "line",
      name,
      showSymbol: false,
      data: values.map((value, place) => [times[place], value]),
      ...(at === 0 && { markArea: { data: areas } }),
    }));
    return { title: { text: title }, xAxis: { type: "time" }, yAxis: { type: "value", name: unit, scale: true }, series };
  }

  /** Its picture, drawn. */
  svg(): string {
    return sync(() => this.#native.svg(this.#at));
  }
}

/** What one series looks like. */
export interface Checkup {
  readonly series: string;
  /** Rows, those without a value included. */
  readonly rows: number;
  readonly points: number;
  readonly first?: Date;
  readonly last?: Date;
  readonly quantity?: string;
  readonly kind: string;
  /** The part that it has in a site, where that is known. */
  readonly role?: string;
  /** How often a value comes, in milliseconds, where there is such a length. */
  readonly cadence?: number;
  /** The share of the time that values cover, 0 to 1. */
  readonly coverage?: number;
  readonly min?: number;
  readonly max?: number;
}

/** All that the doctor found, the worst first: its findings can be iterated. */
export class Report implements Iterable<Finding> {
  readonly #native: native.NativeFindings;
  readonly findings: readonly Finding[];
  readonly series: readonly Checkup[];
  /** Of a file: how many rows it has, which of them cannot be read, and what was understood of it. */
  readonly rows?: number;
  readonly refused?: { readonly count: number; readonly first: readonly RefusedRow[] };
  readonly understood?: Understood;

  /** @internal Made by `doctor` and `Memcore.doctor`. */
  constructor(findings: native.NativeFindings) {
    this.#native = findings;
    const { findings: found, ...rest } = dated(sync(() => findings.json())) as { findings: object[]; series: Checkup[] };
    this.findings = found.map((told, at) => new Finding(findings, at, told));
    this.series = rest.series;
    const { rows, refused, understood } = rest as { rows?: number; refused?: { count: number; first: RefusedRow[] }; understood?: Understood };
    Object.assign(this, given({ rows, refused, understood }));
  }

  /** How many findings there are. */
  get length(): number {
    return this.findings.length;
  }

  [Symbol.iterator](): Iterator<Finding> {
    return this.findings[Symbol.iterator]();
  }

  /** The findings by which energy, money or control will be wrong where nothing is done about them. */
  get faults(): readonly Finding[] {
    return this.findings.filter(({ severity }) => severity === "fault");
  }

  /** What to declare in all, the surest where two concern the same field of the same series. */
  get declarations(): readonly Declaration[] {
    return JSON.parse(sync(() => this.#native.declarations())) as Declaration[];
  }

  /** How to read it right, as the `mapping` of `importFile`: of a file what was understood of it too. */
  toMapping(): Record<string, unknown> {
    return JSON.parse(sync(() => this.#native.mapping())) as Record<string, unknown>;
  }

  /** A page of its own, with the pictures. */
  toHTML(): string {
    return sync(() => this.#native.html());
  }
}

const LOOK = { tz: text, position: pair, roles: record, only: words };

/**
 * Examines a file and says what is wrong with it: gaps, duplicates, wrong units, signs and labels, clocks, counters, frozen values
 * and spikes. It is read as `Memcore.importFile` reads it, and nothing is stored.
 */
export async function doctor(path: string, options: DoctorOptions = {}): Promise<Report> {
  checkText("doctor", "path", path);
  const { device, time, units, delimiter, decimal, mapping } = READING;
  checkOptions(`doctor ${show(path)}`, options, { ...WORK, ...LOOK, device, time, units, delimiter, decimal, mapping });
  const settings = { dryRun: true, ...fileSettings({ ...options, refused: false }) };
  const look = lookSettings(options);
  return work(options, async (stop, told) => new Report(await settled(sync(() => native.examineFile(path, settings, look, stop, told)))));
}

/** @internal For `Memcore.doctor`. */
export async function examine(history: native.NativeHistory, selection: string, options: ExamineOptions): Promise<Report> {
  const call = `doctor ${show(selection)}`;
  const end = (name: "start" | "end") => options[name] === undefined ? undefined : toMicros(`${call}: ${name}`, options[name]);
  checkOptions(call, options, { ...LOOK, start: anything, end: anything, ...WORK });
  const asked = [selection, end("start"), end("end"), lookSettings(options)] as const;
  return work(options, async (stop, told) => new Report(await settled(sync(() => history.examine(...asked, stop, told)))));
}

function lookSettings({ tz, position, roles, only }: LookOptions): native.LookSettings {
  const kinds = typeof only === "string" ? [only] : only && [...only];
  return given({ tz, position: position && [...position], roles: roles && { ...roles }, only: kinds });
}
