// History: any series of a site, from years to seconds in one gesture.

import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { ask, api } from '../../api/client';
import { useAsked } from '../../api/use';
import { Button, Empty, IconButton, Page, ProblemNote, Segments, Time } from '../../design';
import { note } from '../../router';
import { serverNow } from '../../state/now';
import { zone } from '../../state/preferences';
import { instant, offset, span } from '../../times';
import type { SiteViewProps } from '../props';
import { CsvDialog } from './CsvDialog';
import { key } from './gestures';
import { fromQuery, HOUR_US, PRESETS, toQuery } from './horizon';
import { Picker } from './Picker';
import { Plot } from './Plot';
import { Readout } from './Readout';
import { SpanForm } from './SpanForm';
import type { Range } from './tiles';
import { useChannels, type Channel } from './useChannels';
import { useHorizon } from './useHorizon';
import { useLines } from './useLines';
import './history.css';

export default function History({ operator, site, query }: SiteViewProps) {
  const [series, setSeries] = useState<readonly string[] | null>(() => seriesOf(query));
  const [open, setOpen] = useState<'picker' | 'csv' | null>(null);
  const [width, setWidth] = useState(1_000);
  const [cursor, setCursor] = useState<number | null>(null);
  const horizon = useHorizon(query);
  const channels = useChannels(operator, site);
  const flow = useAsked(`${operator}/${site}`, (signal) => ask(api.GET('/api/v1/operators/{operator}/sites/{site}/flow', { params: { path: { operator, site } }, signal })));

  const usual = useMemo(() => usualOf(flow.data?.nodes ?? [], channels.data ?? []), [flow.data, channels.data]);
  const chosen = series ?? (flow.loading ? [] : usual);
  const { lines, busy, problem, again } = useLines({ operator, site, series: chosen, horizon: horizon.at, pixels: width, channels: channels.byName });
  const show = (asked: URLSearchParams) => {
    horizon.set(fromQuery(asked, serverNow()));
    setSeries(seriesOf(asked));
  };
  useAddress({ at: horizon.at, series, query, show });

  const choose = (names: readonly string[]) => { setSeries(names); };
  const { range, live } = horizon.at;
  const length = range.toUs - range.fromUs;
  return (
    <Page title="History" about={site} actions={
      <>
        <Button icon="plus" onClick={() => { setOpen('picker'); }}>Series</Button>
        <Button icon="download" disabled={chosen.length === 0} onClick={() => { setOpen('csv'); }}>CSV</Button>
      </>
    }>
      {problem && <ProblemNote problem={problem} again={again} />}
      <div class="card history">
        <div class="row">
          <Segments label="Span" options={PRESETS} value={live ? (PRESETS.find((preset) => preset.us === length)?.value ?? null) : null}
            onChange={(value) => { horizon.showLast(PRESETS.find((preset) => preset.value === value)?.us ?? length); }} />
          <Button icon={live ? 'pause' : 'play'} aria-pressed={live} onClick={() => { if (live) horizon.set({ range, live: false }); else horizon.showLast(length); }}>Live</Button>
          <span class="push row">
            <IconButton icon="minus" label="Show more time" onClick={() => { horizon.movement.zoom(2, live ? 1 : 0.5); }} />
            <IconButton icon="plus" label="Show less time" onClick={() => { horizon.movement.zoom(0.5, live ? 1 : 0.5); }} />
            <IconButton icon="history" label="Back to what was shown before" disabled={!horizon.canGoBack} onClick={horizon.back} />
          </span>
        </div>
        <SpanForm range={range} onSelect={horizon.select} />
        <p class="history-range number faint small">
          {instant(range.fromUs, zone.value, length < 6e9)} to {instant(range.toUs, zone.value, length < 6e9)} (UTC{offset(range.toUs, zone.value)}), {span(length, 2)}
        </p>
        <div class="plot-box" tabIndex={0} role="group" aria-label={`Chart of ${chosen.join(', ')}. Arrow keys move, plus and minus zoom, End goes to now, Backspace goes back.`}
          onKeyDown={(event) => { if (keys(event, horizon)) event.preventDefault(); }}>
          <span class="plot-busy" data-busy={busy ? '' : undefined} aria-hidden="true" />
          {chosen.length === 0 && !flow.loading && <Empty icon="chart" title="Nothing is chosen yet" action={<Button kind="primary" onClick={() => { setOpen('picker'); }}>Choose series</Button>} />}
          {chosen.length > 0 && (
            <Plot lines={lines} range={range} movement={horizon.movement} onSelect={horizon.select} onBack={horizon.back} onCursor={setCursor} onWidth={setWidth} />
          )}
          {chosen.length > 0 && !busy && !problem && lines.every(({ line }) => line.time.length === 0) && <NothingThen chosen={chosen} channels={channels.byName} onShow={horizon.select} />}
        </div>
        <p class="faint small history-help">Wheel or pinch zooms, drag chooses a span, shift and drag moves, a double click goes back.</p>
      </div>
      {chosen.length > 0 && <Readout lines={lines} chosen={chosen} cursor={cursor} channels={channels.byName} onRemove={(name) => { choose(chosen.filter((one) => one !== name)); }} />}
      {open === 'picker' && <Picker channels={channels} chosen={chosen} onChange={choose} onClose={() => { setOpen(null); }} />}
      {open === 'csv' && <CsvDialog operator={operator} site={site} series={chosen} range={range} onClose={() => { setOpen(null); }} />}
    </Page>
  );
}

/** What is seen around the last reading, where nothing came since. */
const AROUND_US = 6 * HOUR_US;

/** An empty chart says so, and leads to where there is something. */
function NothingThen({ chosen, channels, onShow }: { chosen: readonly string[]; channels: ReadonlyMap<string, Channel>; onShow: (range: Range) => void }) {
  const lastUs = Math.max(...chosen.map((name) => channels.get(name)?.latest?.time_us ?? -Infinity));
  const known = Number.isFinite(lastUs);
  return (
    <div class="plot-nothing">
      <Empty icon="chart" title="Nothing was measured then" action={known && <Button onClick={() => { onShow({ fromUs: Math.round(lastUs - AROUND_US * 0.9), toUs: Math.round(lastUs + AROUND_US * 0.1) }); }}>Go to the last reading</Button>}>
        {known && <>The last reading is of <Time us={lastUs} absolute />, <Time us={lastUs} />.</>}
      </Empty>
    </div>
  );
}

const MOST_USUAL = 3;

/** Without a wish: what flows at the grid, the sun and the battery; where none of these is known, the first powers. */
function usualOf(nodes: readonly { kind: string; series: string | null }[], channels: readonly Channel[]): string[] {
  const main = nodes.filter((node) => ['grid', 'pv', 'battery'].includes(node.kind)).flatMap((node) => node.series ?? []);
  const powers = channels.filter((channel) => channel.quantity === 'power').map((channel) => channel.series);
  return (main.length > 0 ? main : powers).slice(0, MOST_USUAL);
}

function keys(event: KeyboardEvent, horizon: ReturnType<typeof useHorizon>): boolean {
  const { range } = horizon.at;
  if (event.key === 'End') { horizon.showLast(range.toUs - range.fromUs); return true; }
  if (event.key === 'Backspace') { horizon.back(); return true; }
  return !event.ctrlKey && !event.metaKey && key(event, horizon.movement);
}

function seriesOf(query: URLSearchParams): readonly string[] | null {
  return query.get('series')?.split(',').filter((name) => name !== '') ?? null;
}

interface AddressProps {
  at: ReturnType<typeof useHorizon>['at'];
  series: readonly string[] | null;
  query: URLSearchParams;
  /** Shows what another address says. */
  show: (query: URLSearchParams) => void;
}

/** What is shown stands in the address, once it has come to rest: it can be sent to others. What another address says is shown. */
function useAddress({ at, series, query, show }: AddressProps): void {
  const where = useRef(location.hash.split('?', 1)[0]);
  const known = useRef(query.toString());
  const text = new URLSearchParams({ ...toQuery(at), ...(series ? { series: series.join(',') } : {}) }).toString();
  const put = useCallback(() => {
    if (location.hash.split('?', 1)[0] !== where.current) return;
    known.current = text;
    note(Object.fromEntries(new URLSearchParams(text)));
  }, [text]);
  useEffect(() => {
    const timer = setTimeout(put, 400);
    return () => { clearTimeout(timer); };
  }, [put]);
  useEffect(() => {
    if (query.toString() === known.current) return;
    known.current = query.toString();
    show(query);
  }, [query]);
}
