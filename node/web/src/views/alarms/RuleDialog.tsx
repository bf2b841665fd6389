//! Writing a rule: one kind of watch at a time, in words while it is written.

import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';

import { type ProblemError, wrongOf } from '../../api/problem';
import { Button, Check, Dialog, Field, Note, Select, toast } from '../../design';
import { zone as preferredZone } from '../../state/preferences';
import { changeRule, createRule } from '../calls/alarms';
import { capital, FormProblem, useAction } from '../kit';
import type { Place } from '../place';
import type { AlarmRule, Notifier, RuleDraft, Watch } from '../shapes';
import { emptyForm, type FormProblems, formOf, type RuleForm, ruleOf, watchWords } from './rules';
import { SEVERITIES } from './tabs';

const KINDS: readonly { value: Watch['kind']; text: string }[] = [
  { value: 'threshold', text: 'a value is beyond a limit' }, { value: 'rate', text: 'a value rises or falls too fast' }, { value: 'stale', text: 'a series is silent' },
  { value: 'offline', text: 'a device is not connected' }, { value: 'balance', text: 'power that no device explains' },
];
const BUILT_IN: Partial<Record<Watch['kind'], string>> = { store_read_only: 'the store takes no more data', control_stalled: 'control decides nothing any more' };

/** The fields of the API by those of the form: a Problem is shown where it belongs. */
const FIELDS: Record<string, keyof RuleForm> = {
  name: 'name', 'watch.series': 'series', series: 'series', 'watch.devices': 'devices', devices: 'devices', 'watch.site': 'site', 'watch.above': 'above', above: 'above', 'watch.above_w': 'above', above_w: 'above',
  'watch.below': 'below', below: 'below', 'watch.clear_margin': 'margin', clear_margin: 'margin', 'watch.unit': 'unit', unit: 'unit', 'watch.rises_per_minute': 'rises', rises_per_minute: 'rises',
  'watch.falls_per_minute': 'falls', falls_per_minute: 'falls', 'watch.after': 'after', after: 'after', 'watch.for': 'lasting', for: 'lasting', 'quiet.from': 'quietFrom', 'quiet.to': 'quietTo', 'quiet.zone': 'zone', remind: 'remind',
};

interface Props { place: Place; rule: AlarmRule | null; notifiers: readonly Notifier[]; onClose: () => void; onSaved: () => void }

export function RuleDialog({ place, rule, notifiers, onClose, onSaved }: Props): JSX.Element {
  const [form, setForm] = useState(() => (rule ? formOf(rule, preferredZone.peek(), place.site) : emptyForm(preferredZone.peek(), place.site)));
  const [tried, setTried] = useState(false);
  const checked = ruleOf(form);
  const action = useAction(async (draft: RuleDraft) => {
    await (rule ? changeRule(place, rule.id, draft) : createRule(place, draft));
    toast(rule ? `The rule ${draft.name} is changed` : `${draft.name} is watched`);
    onSaved();
  });
  const wrong = wrongIn(tried ? checked.problems : {}, action.problem);
  const set = (change: Partial<RuleForm>) => { setForm({ ...form, ...change }); };
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (checked.rule) action.run(checked.rule);
  };
  return (
    <Dialog title={rule ? `Rule ${rule.name}` : 'Watch something'} wide onClose={onClose} foot={
      <><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="rule" busy={action.busy}>{rule ? 'Change the rule' : 'Watch it'}</Button></>
    }>
      <form id="rule" class="stack" onSubmit={submit} noValidate>
        <div class="pair"><Field label="Name" value={form.name} onValue={(name) => { set({ name }); }} maxLength={120} wrong={wrong('name')} hint="It stands in lists and mails" /><Select label="Severity" options={SEVERITIES} value={form.severity} onValue={(severity) => { set({ severity }); }} /></div>
        <WatchFields form={form} set={set} wrong={wrong} />
        {checked.rule && <Note tone="info" title={`Raised when ${watchWords(checked.rule.watch)}`} />}
        <Telling form={form} set={set} wrong={wrong} notifiers={notifiers} />
        <Check label="It watches" checked={form.enabled} onValue={(enabled) => { set({ enabled }); }} />
        <FormProblem problem={action.problem} fields={Object.keys(FIELDS)} />
      </form>
    </Dialog>
  );
}

type WrongAt = (field: keyof RuleForm) => string | null;

function wrongIn(problems: FormProblems, problem: ProblemError | null): WrongAt {
  const told = problem?.field ? FIELDS[problem.field] : undefined;
  return (field) => problems[field] ?? (told === field ? wrongOf(problem, problem?.field ?? '') : null);
}

interface Part { form: RuleForm; set: (change: Partial<RuleForm>) => void; wrong: WrongAt }

function WatchFields({ form, set, wrong }: Part): JSX.Element {
  const input = (field: 'series' | 'devices' | 'site' | 'above' | 'below' | 'margin' | 'unit' | 'rises' | 'falls' | 'after' | 'lasting', label: string, hint: ComponentChildren) =>
    <Field label={label} value={form[field]} onValue={(value) => { set({ [field]: value }); }} wrong={wrong(field)} hint={hint} autocomplete="off" spellcheck={false} />;
  const unit = input('unit', 'Unit', 'kW, %, degC; empty: the base unit of the series');
  const lasting = input('lasting', 'For', 'How long it must be so: 5m; empty: at once');
  const builtIn = BUILT_IN[form.kind];
  if (builtIn !== undefined) return <p>It watches whether {builtIn}.</p>;
  return (
    <>
      <Select label="Raised when" options={KINDS} value={form.kind} onValue={(kind) => { set({ kind }); }} />
      {form.kind !== 'offline' && form.kind !== 'balance' && input('series', 'Series', 'A name or a pattern: home1.*.power')}
      {form.kind === 'threshold' && <div class="pair">{input('above', 'Above', 'Empty: no limit above')}{input('below', 'Below', 'Empty: no limit below')}{unit}{input('margin', 'Clears that far inside the limit', 'So that it does not come and go')}{lasting}</div>}
      {form.kind === 'rate' && <div class="pair">{input('rises', 'Rises by more than, a minute', 'Empty: it may rise')}{input('falls', 'Falls by more than, a minute', 'Empty: it may fall')}{unit}{lasting}</div>}
      {form.kind === 'stale' && input('after', 'Silent for', '15m')}
      {form.kind === 'offline' && <div class="pair">{input('devices', 'Devices', 'home1.*, or *.* for all of the operator')}{input('after', 'Not connected for', '5m')}</div>}
      {form.kind === 'balance' && <div class="pair">{input('site', 'Site', 'One whose parts are measured')}{input('above', 'More than, in W', 'Whichever its sign')}{input('lasting', 'As the mean over', '15m')}</div>}
    </>
  );
}

function Telling({ form, set, wrong, notifiers }: Part & { notifiers: readonly Notifier[] }): JSX.Element {
  const toggle = (id: string, on: boolean) => { set({ notify: on ? [...form.notify, id] : form.notify.filter((each) => each !== id) }); };
  return (
    <fieldset class="stack">
      <legend>Who is told</legend>
      {notifiers.length === 0 ? <p class="muted">It stands on the page. There is no notifier yet: an admin makes one under "Who is told".</p>
        : <div class="row">{notifiers.map((each) => <Check key={each.id} label={each.name} checked={form.notify.includes(each.id)} onValue={(on) => { toggle(each.id, on); }} />)}</div>}
      <Check label="Quiet hours, in which nobody is told" checked={form.quiet} onValue={(quiet) => { set({ quiet }); }} />
      {form.quiet && (
        <div class="pair">
          <Field label="From" type="time" value={form.quietFrom} onValue={(quietFrom) => { set({ quietFrom }); }} wrong={wrong('quietFrom')} />
          <Field label="Until" type="time" value={form.quietTo} onValue={(quietTo) => { set({ quietTo }); }} wrong={wrong('quietTo')} />
          <Field label="Zone" value={form.zone} onValue={(zone) => { set({ zone }); }} wrong={wrong('zone')} spellcheck={false} />
          <Select label="Told all the same" options={[{ value: '', text: 'nothing' }, ...SEVERITIES.map((each) => ({ value: each.value, text: `${each.text} and worse` }))]} value={form.letsThrough} onValue={(letsThrough) => { set({ letsThrough }); }} />
        </div>
      )}
      <Field label="Remind every" value={form.remind} onValue={(remind) => { set({ remind }); }} wrong={wrong('remind')} autocomplete="off" hint={capital('while nobody has acknowledged: 1h; empty: once is enough')} />
    </fieldset>
  );
}
