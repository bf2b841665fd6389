//! Choosing a file, trying it, and taking it in; with how far it is.

import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';

import { asProblem, isAbort, type ProblemError, wrongOf } from '../../api/problem';
import { useAsked } from '../../api/use';
import { Button, Card, Field, FileField, Select } from '../../design';
import { zone } from '../../state/preferences';
import { session } from '../../state/session';
import { text } from '../../units';
import { devices as fetchDevices } from '../calls/devices';
import { upload } from '../calls/history';
import { FormProblem } from '../kit';
import type { Place } from '../place';
import type { Import } from '../shapes';

export function Upload({ place, onDone }: { place: Place; onDone: (one: Import) => void }): JSX.Element {
  const [file, setFile] = useState<File>();
  const [device, setDevice] = useState('');
  const [inZone, setInZone] = useState(zone.peek());
  const [unit, setUnit] = useState('');
  const [sent, setSent] = useState<number>();
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const stop = useRef<AbortController | null>(null);
  const devices = useAsked(`${place.operator}/${place.site}`, (signal) => fetchDevices(place, signal));
  const send = async (dryRun: boolean) => {
    if (!file || sent !== undefined) return;
    const abort = new AbortController();
    stop.current = abort;
    setProblem(null);
    setSent(0);
    try {
      onDone(await upload(place, file, { dry_run: dryRun, device, zone: inZone.trim(), unit: unit.trim() }, session.value?.csrf ?? null, setSent, abort.signal));
    } catch (error) {
      if (!isAbort(error)) setProblem(asProblem(error));
    } finally {
      setSent(undefined);
    }
  };
  const names = (devices.data ?? []).map((each) => each.device).sort();
  return (
    <Card>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); void send(true); }}>
        <div class="grid">
          <FileField label="File" onFile={(chosen) => { setFile(chosen); setProblem(null); }} hint={file ? text(file.size, 'B') : 'Its format is told by its content'} />
          <Select label="Device" options={[{ value: '', text: 'as the file says' }, ...names.map((name) => ({ value: name, text: name }))]} value={device} onValue={setDevice} wrong={wrongOf(problem, 'device')} hint="Whose channels the columns of a wide file are" />
          <Field label="Zone" value={inZone} onValue={setInZone} wrong={wrongOf(problem, 'zone')} spellcheck={false} hint="Of times that say none" />
          <Field label="Unit" value={unit} onValue={setUnit} wrong={wrongOf(problem, 'unit')} spellcheck={false} hint="Of columns that say none, such as kW" />
        </div>
        <FormProblem problem={problem} fields={['device', 'zone', 'unit']} />
        {sent !== undefined ? (
          <div class="row" role="status"><progress class="lease" max={1} value={sent} aria-label="Sent" /><span class="number">{text(sent, '1', { digits: 0 })} sent</span><Button onClick={() => { stop.current?.abort(); }}>Stop</Button></div>
        ) : (
          <div class="row"><Button type="submit" kind="primary" disabled={!file}>Try it</Button><Button icon="upload" disabled={!file} onClick={() => void send(false)}>Take it in</Button><span class="muted small">Trying reads and checks everything, and writes nothing.</span></div>
        )}
      </form>
    </Card>
  );
}
