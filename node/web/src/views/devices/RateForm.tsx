//! How many points a device may send.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { Button, Dialog, Field } from '../../design';
import { limitRate } from '../calls/devices';
import { FormProblem, useAction } from '../kit';
import type { Place } from '../place';
import type { Device } from '../shapes';
import { parseNumber } from '../units';

export function RateForm({ device, place, close }: { device: Device; place: Place; close: () => void }): JSX.Element {
  const [points, setPoints] = useState(device.rate?.points_per_s.toString() ?? '');
  const [burst, setBurst] = useState(device.rate?.burst.toString() ?? '');
  const [wrongPoints, wrongBurst] = [wrong(points), wrong(burst)];
  const action = useAction(async () => {
    await limitRate(place, device.device, { points_per_s: limit(points) ?? null, burst: limit(burst) ?? null });
    close();
  });
  const submit = (event: Event) => {
    event.preventDefault();
    if (wrongPoints === null && wrongBurst === null) action.run();
  };
  return (
    <Dialog title={`Rate of ${device.name}`} onClose={close} foot={
      <><Button onClick={close}>Cancel</Button><Button kind="primary" type="submit" form="rate" busy={action.busy} disabled={wrongPoints !== null || wrongBurst !== null}>Set the rate</Button></>
    }>
      <form id="rate" class="stack" onSubmit={submit}>
        <Field label="Points a second" inputMode="decimal" value={points} onValue={setPoints} wrong={wrongPoints ?? wrongOf(action.problem, 'points_per_s')} hint="Empty: no limit" />
        <Field label="Points at once" inputMode="numeric" value={burst} onValue={setBurst} wrong={wrongBurst ?? wrongOf(action.problem, 'burst')} hint="Empty: as many as in a second" />
        <FormProblem problem={action.problem} fields={['points_per_s', 'burst']} />
      </form>
    </Dialog>
  );
}

/** Null where there is no limit, undefined where the text is no number. */
function limit(text: string): number | null | undefined {
  return text.trim() === '' ? null : parseNumber(text);
}

function wrong(text: string): string | null {
  const value = limit(text);
  return value === null || (value !== undefined && value > 0) ? null : 'A number above zero is expected, or nothing.';
}
