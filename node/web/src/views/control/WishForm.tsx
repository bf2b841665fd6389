//! A person's wish for an asset that control steers.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { once } from '../../api/client';
import { wrongOf } from '../../api/problem';
import { Button, Dialog, Field, Select, toast } from '../../design';
import { propose, type WishRequest } from '../calls/steering';
import { parseSpan, writeSpan } from '../commands/span';
import { FormProblem, useAction } from '../kit';
import type { Place } from '../place';
import type { AssetStatus } from '../shapes';
import { parseNumber, scaled, typedUnits } from '../units';
import { wishSentence } from './words';

type Wrong = Partial<Record<'power' | 'valid_for' | 'priority', string>>;

export function WishForm({ place, assets, onClose }: { place: Place; assets: readonly AssetStatus[]; onClose: () => void }): JSX.Element {
  const [target, setTarget] = useState(assets[0]?.asset ?? '');
  const [power, setPower] = useState('');
  const [unit, setUnit] = useState('kW');
  const [validFor, setValidFor] = useState('15m');
  const [priority, setPriority] = useState('60');
  const [reason, setReason] = useState('');
  const key = useMemo(once, [target, power, unit, validFor, priority, reason]);
  const { wish, wrong } = check({ target, power, unit, validFor, priority, reason });
  const action = useAction(async (asked: WishRequest) => {
    await propose(place, asked, key);
    toast(`The wish for ${target} stands`);
    onClose();
  });
  const valid = parseSpan(validFor);
  return (
    <Dialog title="Wish for something" onClose={onClose} foot={
      <><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="wish" busy={action.busy} disabled={!wish}>Wish it for {target}</Button></>
    }>
      <form id="wish" class="stack" onSubmit={(event) => { event.preventDefault(); if (wish) action.run(wish); }}>
        <Select label="Asset" options={assets.map((asset) => ({ value: asset.asset, text: `${asset.asset} (${asset.role.replace('_', ' ')})` }))} value={target} onValue={setTarget} />
        <div class="amount">
          <Field label={`Power, in ${unit}`} value={power} onValue={setPower} wrong={(power === '' ? null : wrong.power) ?? wrongOf(action.problem, 'power')} autocomplete="off" hint="Positive flows into the asset: charging, consumption" />
          <Select label="Unit" options={typedUnits('W').map((each) => ({ value: each.unit, text: each.unit }))} value={unit} onValue={setUnit} />
        </div>
        <div class="amount">
          <Field label="For how long" value={validFor} onValue={setValidFor} wrong={wrong.valid_for ?? wrongOf(action.problem, 'valid_for')} autocomplete="off" hint="A day at the most" />
          <Field label="Priority" value={priority} onValue={setPriority} wrong={wrong.priority ?? wrongOf(action.problem, 'priority')} inputMode="numeric" autocomplete="off" hint="1 to 100; 60 is usual" />
        </div>
        <Field label="Why" value={reason} onValue={setReason} maxLength={150} wrong={wrongOf(action.problem, 'reason')} hint="It stands in every explanation" />
        {wish?.power !== undefined && valid !== undefined && <p class="preview"><strong>{wishSentence(target, wish.power, valid)}</strong></p>}
        <FormProblem problem={action.problem} fields={['power', 'valid_for', 'priority', 'reason']} />
      </form>
    </Dialog>
  );
}

function check(typed: { target: string; power: string; unit: string; validFor: string; priority: string; reason: string }): { wish?: WishRequest; wrong: Wrong } {
  const wrong: Wrong = {};
  const value = parseNumber(typed.power);
  if (value === undefined) wrong.power = 'A number is expected.';
  const valid = parseSpan(typed.validFor);
  if (valid === undefined || valid <= 0 || valid > 86_400e6) wrong.valid_for = 'A time such as 15m is expected, a day at the most.';
  const priority = parseNumber(typed.priority);
  if (priority === undefined || !Number.isInteger(priority) || priority < 1 || priority > 100) wrong.priority = 'A whole number from 1 to 100 is expected.';
  if (Object.keys(wrong).length > 0 || value === undefined || valid === undefined || priority === undefined) return { wrong };
  const factor = typedUnits('W').find((each) => each.unit === typed.unit)?.factor ?? 1;
  const wish: WishRequest = { target: typed.target, power: scaled(value, factor), priority, valid_for: writeSpan(valid) };
  if (typed.reason.trim() !== '') wish.reason = typed.reason.trim();
  return { wish, wrong };
}
