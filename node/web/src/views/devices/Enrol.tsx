//! Enrolling a device, and giving it a new proof: what is shown then is shown once.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { Button, Dialog, Field, Note, Select, Tabs } from '../../design';
import { enrol, rotate } from '../calls/devices';
import { parseSpan } from '../commands/span';
import { Copyable, download, FormProblem, useAction } from '../kit';
import type { Place } from '../place';
import type { Enrolled } from '../shapes';
import { type Language, LANGUAGES, snippet } from './snippets';

type Kind = 'secret' | 'certificate';
const KINDS = [{ value: 'secret', text: 'Secret' }, { value: 'certificate', text: 'Client certificate' }] as const;
const KIND_HINT: Record<Kind, string> = {
  secret: 'The device shows it once the connection is encrypted. The server keeps a salted hash alone.',
  certificate: 'The key proves the device during the handshake, and never leaves it.',
};

export function Enrol({ place, known, close }: { place: Place; known: readonly string[]; close: () => void }): JSX.Element {
  const [name, setName] = useState('');
  const [kind, setKind] = useState<Kind>('secret');
  const [done, setDone] = useState<Enrolled>();
  const action = useAction(async () => { setDone(await enrol(place, name, kind)); });
  const full = `${place.site}.${name}`;
  if (done) return <ShownOnce title={`${full} is enrolled`} device={name} enrolled={done} close={close} />;
  const wrong = nameProblem(name, known);
  const submit = (event: Event) => {
    event.preventDefault();
    if (!wrong && name !== '') action.run();
  };
  return (
    <Dialog title="Enrol a device" onClose={close} foot={
      <><Button onClick={close}>Cancel</Button><Button kind="primary" type="submit" form="enrol" busy={action.busy} disabled={name === '' || wrong !== null}>Enrol</Button></>
    }>
      <form id="enrol" class="stack" onSubmit={submit}>
        <Field label="Name" value={name} onValue={setName} wrong={wrong ?? wrongOf(action.problem, 'device')} maxLength={64} autocomplete="off" spellcheck={false}
          hint={`It becomes ${place.site}.${name === '' ? 'NAME' : name}, and part of the name of each of its series.`} />
        <Select label="How it proves who it is" options={KINDS} value={kind} onValue={setKind} hint={KIND_HINT[kind]} />
        <FormProblem problem={action.problem} fields={['device']} />
      </form>
    </Dialog>
  );
}

function nameProblem(name: string, known: readonly string[]): string | null {
  if (name !== '' && !/^[A-Za-z0-9_-]{1,64}$/.test(name)) return '1 to 64 of A-Z a-z 0-9 _ - are expected.';
  return known.includes(name) ? 'There is such a device already; give it a new proof on its own page.' : null;
}

export function Rotate({ place, device, close }: { place: Place; device: string; close: () => void }): JSX.Element {
  const [kind, setKind] = useState<Kind>('secret');
  const [overlap, setOverlap] = useState('1d');
  const [done, setDone] = useState<Enrolled>();
  const action = useAction(async () => { setDone(await rotate(place, device, kind, overlap.trim())); });
  const full = `${place.site}.${device}`;
  if (done) return <ShownOnce title={`A new proof for ${full}`} device={device} enrolled={done} close={close} />;
  const wrong = parseSpan(overlap) === undefined ? 'A time such as 1h or 7d is expected; 0s ends the earlier one at once.' : null;
  const submit = (event: Event) => {
    event.preventDefault();
    if (wrong === null) action.run();
  };
  return (
    <Dialog title={`Give ${full} a new proof`} onClose={close} foot={
      <><Button onClick={close}>Cancel</Button><Button kind="primary" type="submit" form="rotate" busy={action.busy} disabled={wrong !== null}>Give a new proof</Button></>
    }>
      <form id="rotate" class="stack" onSubmit={submit}>
        <Select label="How it proves who it is" options={KINDS} value={kind} onValue={setKind} hint={KIND_HINT[kind]} />
        <Field label="The earlier one stays good for" value={overlap} onValue={setOverlap} wrong={wrong ?? wrongOf(action.problem, 'overlap')} hint="Time to bring the new one to the device. Its session goes on." />
        <FormProblem problem={action.problem} fields={['overlap']} />
      </form>
    </Dialog>
  );
}

/** What is shown once: the bundle, and a program that uses it. */
function ShownOnce({ title, device, enrolled, close }: { title: string; device: string; enrolled: Enrolled; close: () => void }): JSX.Element {
  const [language, setLanguage] = useState<Language>('python');
  const [saved, setSaved] = useState(false);
  const text = enrolled.bundle;
  const save = () => {
    download(`${device}.json`, text, 'application/json');
    setSaved(true);
  };
  return (
    <Dialog title={title} onClose={close} wide foot={
      <><Button kind={saved ? 'plain' : 'primary'} icon="download" onClick={save}>Save {device}.json</Button><Button kind={saved ? 'primary' : 'plain'} onClick={close}>{saved ? 'Done' : 'I have kept it'}</Button></>
    }>
      <Note tone="warning" title="This is shown once">The server cannot show it again. Whoever has it can act as this device.</Note>
      <Copyable label={`${device}.json`} text={text} />
      <Tabs label="Language" tabs={LANGUAGES.map((each) => ({ value: each.language, text: each.name }))} value={language} onChange={setLanguage}>
        <Copyable label="A program that runs as it is, beside that file" text={snippet(language, device)} />
      </Tabs>
    </Dialog>
  );
}
