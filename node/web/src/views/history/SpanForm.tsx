// From and to, typed or picked. They follow what is in sight until somebody is at them.

import { useState } from 'preact/hooks';

import { Button, Field, onPhone, Segments } from '../../design';
import { serverNow } from '../../state/now';
import { zone } from '../../state/preferences';
import { offset } from '../../times';
import type { Range } from './tiles';
import { CALENDAR, calendarRange, checkWalls, wallOf, type Walls } from './wall';

interface Props {
  range: Range;
  onSelect: (range: Range) => void;
}

/** Where less than this is in sight, seconds are of interest. */
const SECONDS_BELOW_US = 6e9;

export function SpanForm({ range, onSelect }: Props) {
  const [typed, setTyped] = useState<Walls | null>(null);
  const [tried, setTried] = useState(false);
  const seconds = range.toUs - range.fromUs < SECONDS_BELOW_US;
  const shown: Walls = { from: wallOf(range.fromUs, zone.value, seconds), to: wallOf(range.toUs, zone.value, seconds) };
  const walls = typed ?? shown;
  const checked = checkWalls(walls, zone.value, serverNow());
  const wrong = tried ? checked.wrong : {};
  const leave = () => { setTyped(null); setTried(false); };
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (!checked.range) return;
    onSelect(checked.range);
    leave();
  };
  const calendar = CALENDAR.find(({ value }) => same(calendarRange(value, zone.value, serverNow()), range))?.value ?? null;
  const choose = (chosen: (typeof CALENDAR)[number]['value']) => {
    onSelect(calendarRange(chosen, zone.value, serverNow()));
    leave();
  };
  const field = (name: keyof Walls, label: string) => (
    <Field label={label} type="datetime-local" step={seconds ? '1' : '60'} value={walls[name]} wrong={wrong[name]} onValue={(value) => { setTyped({ ...walls, [name]: value }); }} />
  );
  return (
    <details class="span-choice" open={!onPhone.value}>
      <summary>From and to</summary>
      <form class="span-form" noValidate aria-label="From and to" onSubmit={submit}
        onFocusCapture={(event) => { if (event.target instanceof HTMLInputElement) setTyped(walls); }}
        onBlurCapture={(event) => { if (!tried && !within(event)) setTyped(null); }}
        onKeyDown={(event) => { if (event.key === 'Escape') leave(); }}>
        {field('from', 'From')}
        {field('to', 'To')}
        <Button type="submit">Show</Button>
        <Segments label="Days of the calendar" options={CALENDAR} value={calendar} onChange={choose} />
        <p class="span-zone faint small">Times of {zone.value}, UTC{offset(range.toUs, zone.value)}</p>
      </form>
    </details>
  );
}

function same(a: Range, b: Range): boolean {
  return a.fromUs === b.fromUs && a.toUs === b.toUs;
}

/** Whether the focus stays in the form. */
function within(event: FocusEvent & { currentTarget: HTMLFormElement }): boolean {
  return event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget);
}
