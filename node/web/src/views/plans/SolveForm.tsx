//! Making a plan from a site's file: pasted or chosen.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { once } from '../../api/client';
import { wrongOf } from '../../api/problem';
import { Area, Button, Check, Dialog, Field, FileField } from '../../design';
import { solve } from '../calls/steering';
import { FormProblem, useAction } from '../kit';
import type { Place } from '../place';
import type { Plan } from '../shapes';

/** A site file is text for people; one that is larger was chosen by mistake. */
const LARGEST = 1_000_000;

export function SolveForm({ place, onClose, onSolved }: { place: Place; onClose: () => void; onSolved: (plan: Plan) => void }): JSX.Element {
  const [name, setName] = useState('');
  const [text, setText] = useState('');
  const [keep, setKeep] = useState(true);
  const [file, setFile] = useState<string | null>(null);
  const key = useMemo(once, [name, text, keep]);
  const action = useAction(async () => { onSolved(await solve(place, { name: name.trim(), text, keep }, key)); });
  const take = async (chosen: File | undefined) => {
    setFile(null);
    if (!chosen) return;
    if (chosen.size > LARGEST) { setFile(`${chosen.name} has ${String(Math.round(chosen.size / 1e6))} MB: a site file is smaller than 1 MB.`); return; }
    setText(await chosen.text());
    if (name === '') setName(chosen.name.replace(/\.(toml|json)$/i, '').slice(0, 128));
  };
  return (
    <Dialog title="Make a plan" wide onClose={onClose} foot={
      <><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="solve" busy={action.busy} disabled={name.trim() === '' || text.trim() === ''}>Solve</Button></>
    }>
      <form id="solve" class="stack" onSubmit={(event) => { event.preventDefault(); action.run(); }}>
        <Field label="Name" value={name} onValue={setName} maxLength={128} wrong={wrongOf(action.problem, 'name')} autocomplete="off" />
        <FileField label="Site file" accept=".toml,.json,application/json,text/plain" onFile={(chosen) => void take(chosen)} wrong={file} hint="TOML or JSON; or paste it below" />
        <Area label="What it says" value={text} onValue={setText} rows={14} mono wrong={wrongOf(action.problem, 'text') ?? wrongOf(action.problem, 'site')} hint="Assets, prices, horizon, as for `memcore plan`. Profiles may name series of this site." />
        <Check label="Keep the plan, to look at it again and compare it" checked={keep} onValue={setKeep} />
        <FormProblem problem={action.problem} fields={['name', 'text', 'site']} />
      </form>
    </Dialog>
  );
}
