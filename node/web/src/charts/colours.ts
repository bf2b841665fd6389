// Colours of tokens.css, for what is drawn on a canvas. Read anew when the theme changes.

/** The colour of a token by its name without dashes before it: `pv`, `ink-2`, `series-1`. */
export function colour(token: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${token}`).trim();
}

const KINDS = ['grid', 'pv', 'battery', 'load', 'ev', 'heat_pump', 'genset', 'unmeasured'];

/** The token of a kind of asset; what is not known is drawn as a load. */
export function kindToken(kind: string): string {
  return KINDS.includes(kind) ? kind : 'load';
}

/** The token of the nth line of a chart. */
export function seriesToken(index: number): string {
  return `series-${String((index % 8) + 1)}`;
}
