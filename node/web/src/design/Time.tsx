import { now } from '../state/now';
import { zone } from '../state/preferences';
import { ago, instant, offset } from '../times';

/**
 * An instant. Relative by default ("3 min ago", ticking), with the absolute time as its tip; `absolute` the other way
 * round. Both in the zone of the preferences, which the tip names.
 */
export function Time({ us, absolute, none = 'never' }: { us: number | null | undefined; absolute?: boolean; none?: string }) {
  if (us === null || us === undefined) return <span class="faint">{none}</span>;
  const full = instant(us, zone.value);
  const where = `${full} (UTC${offset(us, zone.value)}, ${zone.value})`;
  const iso = new Date(us / 1e3).toISOString();
  if (absolute) return <time class="number" dateTime={iso} title={`${where}, ${ago(us, now.value)}`}>{full}</time>;
  return <time class="number" dateTime={iso} title={where}>{ago(us, now.value)}</time>;
}
