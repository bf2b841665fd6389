import { scaled } from '../units';

interface ValueProps {
  /** In the base unit. Null: not measured, which is neither 0 nor NaN. */
  value: number | null | undefined;
  unit: string;
  /** Too old to stand for the present. */
  stale?: boolean | undefined;
  digits?: number;
  /** A plus before what is above 0. */
  signed?: boolean;
}

/** A number, always with its unit: 1466 W is shown as 1.47 kW. */
export function Value({ value, unit, stale, digits, signed }: ValueProps) {
  if (value === null || value === undefined || Number.isNaN(value)) {
    return <span class="value number faint" title="not measured">–<span class="visually-hidden"> not measured</span></span>;
  }
  const shown = scaled(value, unit, { ...(digits === undefined ? {} : { digits }), ...(signed ? { signed } : {}) });
  return (
    <span class="value number" data-stale={stale ? '' : undefined} title={stale ? 'stale: no longer measured' : `${String(value)} ${unit}`}>
      {shown.text}{shown.unit && <span class="unit">{`\u00a0${shown.unit}`}</span>}{stale && <span class="visually-hidden"> stale</span>}
    </span>
  );
}
