//! Choosing a channel, a value and how long it holds; and being told once more what will happen, before it does.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { once } from '../../api/client';
import { type ProblemError, wrongOf } from '../../api/problem';
import { useAsked } from '../../api/use';
import { Button, Check, Dialog, Field, Note, ProblemNote, Segments, Select, Value } from '../../design';
import { channels as fetchChannels } from '../calls/devices';
import { sendCommand } from '../calls/steering';
import { Shown, useAction } from '../kit';
import type { Place } from '../place';
import type { Channel, Command } from '../shapes';
import { handyUnit, said, typedUnits } from '../units';
import { spanWords } from './span';
import { type Control, steeredBy } from './assets';
import { NotSent, useControl, WillBeWish } from './Steered';
import { allowedWords, checkDraft, type CommandDraft, type CommandRequest, labelOf, newDraft, sentence, withDirection } from './words';

interface Props { place: Place; series?: string | undefined; links: { control: string }; onClose: () => void; onSent: (command: Command) => void }

export function CommandForm({ place, series, links, onClose, onSent }: Props): JSX.Element {
  const key = `${place.operator}/${place.site}`;
  const channels = useAsked(key, (signal) => fetchChannels(place, { writable: true }, signal), { everyMs: 5_000 });
  const control = useControl(place);
  if (channels.data === undefined || channels.data.length === 0) {
    return (
      <Dialog title="Send a command" onClose={onClose} foot={<Button onClick={onClose}>Close</Button>}>
        <Shown of={channels} what="channels">{() => <p>No channel of this site takes commands. A device says which of its channels are writable when it connects.</p>}</Shown>
      </Dialog>
    );
  }
  return <Compose place={place} channels={channels.data} first={series} control={control} links={links} onClose={onClose} onSent={onSent} />;
}

function Compose({ place, channels, first, control, links, onClose, onSent }: Omit<Props, 'series'> & { channels: readonly Channel[]; first: string | undefined; control: Control | undefined }): JSX.Element {
  const [series, setSeries] = useState(() => channels.find((each) => each.series === first)?.series ?? channels[0]?.series ?? '');
  const channel = channels.find((each) => each.series === series) ?? channels[0];
  const [drafts, setDrafts] = useState<Record<string, CommandDraft>>({});
  const [confirming, setConfirming] = useState<CommandRequest>();
  const [problem, setProblem] = useState<ProblemError | null>(null);
  if (!channel) return <></>;
  const draft = drafts[channel.series] ?? usual(channel);
  const set = (change: Partial<CommandDraft>) => {
    setProblem(null);
    setDrafts({ ...drafts, [channel.series]: { ...draft, ...change } });
  };
  if (confirming) {
    return <Sure place={place} channel={channel} request={confirming} steered={steeredBy(control, channel.series)?.asset} links={links} onSent={onSent}
      onBack={(found) => { setProblem(found); setConfirming(undefined); }} />;
  }
  const checked = checkDraft(channel, draft);
  return (
    <Dialog title="Send a command" onClose={onClose} foot={
      <><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="command" disabled={!checked.request}>Go on …</Button></>
    }>
      <form id="command" class="stack" onSubmit={(event) => { event.preventDefault(); setConfirming(checked.request); }}>
        <Select label="Channel" options={channels.map((each) => ({ value: each.series, text: labelOf(each) ? `${each.series} - ${labelOf(each)}` : each.series }))} value={channel.series} onValue={setSeries} />
        <p class="muted">It reads <Value value={channel.latest?.value} unit={channel.unit} stale={channel.stale} />{channel.stale ? ', which is stale' : ''}. {limits(channel)}</p>
        <Inputs channel={channel} draft={draft} set={set} wrong={(field) => unlessEmpty(checked.problems[field], draft[field]) ?? wrongOf(problem, field)} />
        {checked.request && <p class="preview"><strong>{sentence(checked.request, channel)}</strong></p>}
        {problem && !FIELDS.includes(problem.field ?? '') && <ProblemNote problem={problem} />}
      </form>
    </Dialog>
  );
}

const FIELDS = ['value', 'lease', 'fallback', 'within', 'safety'];

/** Nothing is called wrong that nobody has typed yet. */
function unlessEmpty(problem: string | undefined, typed: string | boolean): string | null {
  return typed === '' ? null : problem ?? null;
}

function usual(channel: Channel): CommandDraft {
  const largest = channel.range ? Math.max(Math.abs(channel.range.low), Math.abs(channel.range.high)) : 1_000;
  return newDraft(channel, handyUnit(channel.unit, channel.quantity, largest).unit);
}

function limits(channel: Channel): string {
  const allowed = allowedWords(channel);
  const rules = channel.rules;
  const parts = [
    allowed === undefined ? 'It declares no range' : `It takes ${allowed}`,
    rules.ramp_per_s ? `changes by ${said(rules.ramp_per_s, channel.unit, channel.quantity)} a second at the most` : '',
    rules.min_on_us ? `stays on for ${spanWords(rules.min_on_us)} once it is on` : '',
    rules.min_off_us ? `stays off for ${spanWords(rules.min_off_us)} once it is off` : '',
  ];
  return `${parts.filter(Boolean).join(', ')}.`;
}

function Inputs({ channel, draft, set, wrong }: { channel: Channel; draft: CommandDraft; set: (change: Partial<CommandDraft>) => void; wrong: (field: keyof CommandDraft) => string | null }): JSX.Element {
  const units = typedUnits(channel.unit, channel.quantity);
  const onOff = [{ value: '1', text: 'on' }, { value: '0', text: 'off' }] as const;
  const isSwitch = channel.unit === 'on/off';
  const other = units.filter((each) => each.unit !== draft.unit);
  return (
    <>
      {isSwitch ? (
        <div class="field"><span class="label">Switch it</span><Segments label="Switch it" options={onOff} value={draft.value === '0' ? '0' : '1'} onChange={(value) => { set({ value }); }} /></div>
      ) : (
        <div class="amount">
          <Field label={`Value, in ${draft.unit}`} value={draft.value} onValue={(value) => { set({ value }); }} wrong={wrong('value')} autocomplete="off" hint={hint(channel)} />
          {other.length > 0 && <Select label="Unit" options={units.map((each) => ({ value: each.unit, text: each.unit }))} value={draft.unit} onValue={(unit) => { set({ unit }); }} />}
        </div>
      )}
      <div class="amount">
        <Field label="For how long" value={draft.lease} onValue={(lease) => { set({ lease }); }} wrong={wrong('lease')} autocomplete="off" hint={draft.lease.trim() === '' ? 'Without an end: it holds until another command' : 'The lease: 15m, 2h; empty for no end'} />
        {draft.lease.trim() !== '' && (isSwitch
          ? <Select label="Then" options={onOff} value={draft.fallback === '1' ? '1' : '0'} onValue={(fallback) => { set({ fallback }); }} hint="The fallback, which the device takes by itself" />
          : <Field label={`Then, in ${draft.unit}`} value={draft.fallback} onValue={(fallback) => { set({ fallback }); }} wrong={wrong('fallback')} autocomplete="off" hint="The fallback, which the device takes by itself" />)}
      </div>
      <details>
        <summary>More</summary>
        <div class="stack inset">
          <Field label="Deliver it within" value={draft.within} onValue={(within) => { set({ within }); }} wrong={wrong('within')} autocomplete="off" hint="Where the device is not connected until then, nothing happens" />
          <Check label="For safety: minimum times and ramps do not hold it back" checked={draft.safety} onValue={(safety) => { set({ safety }); }} />
          {wrong('safety') && <p class="wrong" role="alert">{wrong('safety')}</p>}
        </div>
      </details>
    </>
  );
}

function hint(channel: Channel): string | undefined {
  if (channel.unit !== 'W') return undefined;
  return `Positive flows into the device: ${withDirection(1, 'W', channel.device).replace(/^.*\((.*)\)$/, '$1')}; negative is ${withDirection(-1, 'W', channel.device).replace(/^.*\((.*)\)$/, '$1')}`;
}

/** Says once more what will happen. The key is made once: pressing again after a lost answer sends nothing twice. */
function Sure({ place, channel, request, steered, links, onBack, onSent }: { place: Place; channel: Channel; request: CommandRequest; steered: string | undefined; links: { control: string }; onBack: (problem: ProblemError | null) => void; onSent: (command: Command) => void }): JSX.Element {
  const key = useMemo(once, []);
  const action = useAction(async () => { onSent(await sendCommand(place, request, key)); });
  const fault = action.problem && FIELDS.includes(action.problem.field ?? '') ? action.problem : null;
  return (
    <Dialog title={`Command ${channel.series}?`} onClose={() => { onBack(fault); }} foot={
      <><Button onClick={() => { onBack(fault); }}>Back</Button><Button kind="primary" busy={action.busy} onClick={action.run}>Send to {channel.device}</Button></>
    }>
      <p class="happens">{labelOf(channel) || channel.device}: {sentence(request, channel)}</p>
      {channel.latest && <p class="muted">It reads {said(channel.latest.value, channel.unit, channel.quantity)} now{channel.stale ? ', which is stale' : ''}.</p>}
      {request.lease === undefined && <Note tone="warning" title="It has no end">Nothing takes it back when you are away. Give it a lease unless that is meant.</Note>}
      {steered !== undefined && <WillBeWish name={steered} safety={request.safety === true} links={links} />}
      {request.safety && <p>Minimum times and ramps of the device do not hold it back.</p>}
      {action.problem && <NotSent problem={action.problem} name={steered} links={links} />}
    </Dialog>
  );
}
