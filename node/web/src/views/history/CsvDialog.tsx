import { useState } from 'preact/hooks';

import { BASE } from '../../api/client';
import { Dialog, Select } from '../../design';
import { zone } from '../../state/preferences';
import { instant } from '../../times';
import type { Range } from './tiles';

const STEPS = [
  { value: '', text: 'Every reading' },
  { value: '1m', text: 'Mean of each minute' },
  { value: '15m', text: 'Mean of each quarter of an hour' },
  { value: '1h', text: 'Mean of each hour' },
  { value: '1d', text: 'Mean of each day' },
] as const;

interface Props {
  operator: string;
  site: string;
  series: readonly string[];
  range: Range;
  onClose: () => void;
}

/** What is in sight, as a file. The browser takes it from the server as it comes, however much it is. */
export function CsvDialog({ operator, site, series, range, onClose }: Props) {
  const [every, setEvery] = useState<(typeof STEPS)[number]['value']>(range.toUs - range.fromUs > 7 * 86_400e6 ? '15m' : '');
  const query = new URLSearchParams({ from: String(Math.round(range.fromUs)), to: String(Math.round(range.toUs)), format: 'csv' });
  for (const name of series) query.append('series', name);
  if (every !== '') {
    query.set('every', every);
    query.set('aggregate', 'mean');
    query.set('zone', zone.value);
  }
  const href = `${BASE}/api/v1/operators/${encodeURIComponent(operator)}/sites/${encodeURIComponent(site)}/readings?${query.toString()}`;
  return (
    <Dialog title="Download as CSV" onClose={onClose} foot={<a class="button" data-kind="primary" href={href} download={`${site}.csv`} onClick={onClose}>Download</a>}>
      <p class="muted number">{instant(range.fromUs, zone.value)} to {instant(range.toUs, zone.value)}</p>
      <ul class="wrap">{series.map((name) => <li key={name}>{name}</li>)}</ul>
      <Select label="Rows" options={STEPS} value={every} onValue={setEvery} />
    </Dialog>
  );
}
