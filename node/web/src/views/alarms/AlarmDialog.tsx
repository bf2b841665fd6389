//! One alarm, and taking note of it.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { Area, Badge, Button, Dialog, Facts, Note, Time, toast, Value } from '../../design';
import { toSite } from '../../router';
import { acknowledge } from '../calls/alarms';
import { FormProblem, useAction } from '../kit';
import { may, type Place } from '../place';
import type { Alarm } from '../shapes';
import { SEVERITY_TONES } from './tabs';

export function AlarmDialog({ place, alarm, onClose, onChanged }: { place: Place; alarm: Alarm; onClose: () => void; onChanged: () => void }): JSX.Element {
  const [words, setWords] = useState('');
  const action = useAction(async () => {
    await acknowledge(place, alarm.id, words.trim());
    toast(`${alarm.rule_name} is acknowledged`);
    onChanged();
    onClose();
  });
  const open = alarm.state === 'raised' && may(place, 'operator');
  return (
    <Dialog title={alarm.rule_name} onClose={onClose} foot={
      <><Button onClick={onClose}>Close</Button>{open && <Button kind="primary" type="submit" form="acknowledge" busy={action.busy}>Acknowledge</Button>}</>
    }>
      <Note tone={alarm.severity === 'info' ? 'info' : alarm.severity} title={alarm.message} />
      <Facts facts={[
        ['State', <><Badge tone={alarm.state === 'cleared' ? 'good' : SEVERITY_TONES[alarm.severity]}>{alarm.state}</Badge> <span class="muted">{alarm.severity}</span></>],
        ['Where', <Where place={place} alarm={alarm} />],
        ...(typeof alarm.value === 'number' && alarm.unit ? [['Seen', <><Value value={alarm.value} unit={alarm.unit} />{typeof alarm.limit === 'number' && <span class="muted">, the limit is <Value value={alarm.limit} unit={alarm.unit} /></span>}</>] as const] : []),
        ['Raised', <><Time us={alarm.raised_us} absolute />{alarm.count > 1 && <span class="muted">, {alarm.count} times since, last <Time us={alarm.last_raised_us} absolute /></span>}</>],
        ...(alarm.cleared_us ? [['Cleared', <Time us={alarm.cleared_us} absolute />] as const] : []),
        ...(alarm.acknowledged ? [['Known by', <>{alarm.acknowledged.by}, <Time us={alarm.acknowledged.at_us} absolute />{alarm.acknowledged.note && <p class="wrap">{alarm.acknowledged.note}</p>}</>] as const] : []),
      ]} />
      {open && (
        <form id="acknowledge" class="stack" onSubmit={(event) => { event.preventDefault(); action.run(); }}>
          <Area label="Note" value={words} onValue={setWords} rows={3} wrong={wrongOf(action.problem, 'note') ?? (words.length > 1000 ? '1,000 characters at the most.' : null)} hint="For who looks next. Nobody is reminded of it any more." />
          <FormProblem problem={action.problem} fields={['note']} />
        </form>
      )}
    </Dialog>
  );
}

/** What it is about, and the way there. */
function Where({ place, alarm }: { place: Place; alarm: Alarm }): JSX.Element {
  const [site, device, ...channel] = alarm.subject.split('.');
  if (!alarm.site || site !== alarm.site || device === undefined) return <span class="wrap">{alarm.subject}</span>;
  const address = channel.length > 0 ? toSite(place.operator, site, 'history', { series: alarm.subject }) : toSite(place.operator, site, 'devices', { device });
  return <a class="wrap" href={address}>{alarm.subject}</a>;
}
