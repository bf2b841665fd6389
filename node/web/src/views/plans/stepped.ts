//! A plan as lines of a chart: values hold over their step, so that a line is as true between borders as at them.

/** Times in seconds and columns of equal length, as uPlot takes them. */
export interface Stepped { times: number[]; columns: (number | null)[][] }

/** Steps between borders: each value stands at its border, and the last once more at the end. States stand at the ends of steps. */
export function stepped(bordersUs: readonly number[], powers: readonly (readonly (number | null)[])[], states: readonly (readonly (number | null)[])[]): Stepped {
  const [length, last] = [bordersUs.length, bordersUs.length - 2];
  const held = powers.map((values) => Array.from({ length }, (_, at) => values[Math.min(at, last)] ?? null));
  const ends = states.map((values) => Array.from({ length }, (_, at) => (at === 0 ? null : values[at - 1] ?? null)));
  return { times: bordersUs.map((us) => us / 1e6), columns: [...held, ...ends] };
}
