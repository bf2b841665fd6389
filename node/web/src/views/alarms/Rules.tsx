//! The rules of alarms: what is watched, since when it matters, who is told.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Badge, Button, type Column, Confirm, Empty, Table, toast } from '../../design';
import { notifiers as fetchNotifiers, removeRule, rules as fetchRules } from '../calls/alarms';
import { Shown } from '../kit';
import { may, type Place } from '../place';
import type { AlarmRule } from '../shapes';
import { RuleDialog } from './RuleDialog';
import { watchWords } from './rules';
import { SEVERITY_TONES } from './tabs';

export function Rules({ place }: { place: Place }): JSX.Element {
  const engineer = may(place, 'engineer');
  const rules = useAsked(place.operator, (signal) => fetchRules(place, signal));
  const notifiers = useAsked(`${place.operator}/${String(engineer)}`, (signal) => (engineer ? fetchNotifiers(place, signal) : Promise.resolve([])));
  const [shown, setShown] = useState<{ edit: AlarmRule | null } | { remove: AlarmRule }>();
  const close = () => { setShown(undefined); };
  const remove = async (rule: AlarmRule) => {
    await removeRule(place, rule.id);
    toast(`The rule ${rule.name} is removed`);
    rules.again();
  };
  const begin = () => { setShown({ edit: null }); };
  return (
    <>
      {engineer && <div class="row"><span class="push"><Button kind="primary" icon="plus" onClick={begin}>Watch something</Button></span></div>}
      <Shown of={rules} what="rules">
        {(all) => <Table label="Rules" columns={columns(engineer, (rule) => { setShown({ remove: rule }); })} rows={all} rowKey={(rule) => rule.id} {...(engineer ? { onOpen: (rule: AlarmRule) => { setShown({ edit: rule }); } } : {})}
          empty={<Empty icon="bell" title="Nothing is watched" action={engineer && <Button onClick={begin}>Watch something</Button>}>A rule watches a value, its rate, its age, a device, or what no device explains.</Empty>} />}
      </Shown>
      {shown && 'edit' in shown && <RuleDialog place={place} rule={shown.edit} notifiers={notifiers.data ?? []} onClose={close} onSaved={() => { close(); rules.again(); }} />}
      {shown && 'remove' in shown && <Confirm title={`Remove the rule ${shown.remove.name}?`} act="Remove the rule" danger onConfirm={() => remove(shown.remove)} onClose={close}><p>Nobody watches any more whether {watchWords(shown.remove.watch)}. Its open alarms clear.</p></Confirm>}
    </>
  );
}

function columns(engineer: boolean, remove: (rule: AlarmRule) => void): Column<AlarmRule>[] {
  return [
    { key: 'name', title: 'Rule', cell: (rule) => <><strong>{rule.name}</strong>{!rule.enabled && <> <Badge plain>off</Badge></>}{rule.built_in && <> <Badge plain>built in</Badge></>}</>, sort: (rule) => rule.name },
    { key: 'severity', title: 'Severity', card: 'side', cell: (rule) => <Badge tone={rule.enabled ? SEVERITY_TONES[rule.severity] : undefined}>{rule.severity}</Badge>, sort: (rule) => rule.severity },
    { key: 'watch', title: 'Raised when', cell: (rule) => <span class="cell wrap">{watchWords(rule.watch)}</span> },
    { key: 'notify', title: 'Told', cell: (rule) => <span class="muted">{told(rule)}</span> },
    { key: 'act', title: 'Remove', align: 'end', card: 'foot', cell: (rule) => (engineer && !rule.built_in ? <Button kind="quiet" onClick={() => { remove(rule); }} aria-label={`Remove ${rule.name}`}>Remove …</Button> : null) },
  ];
}

function told(rule: AlarmRule): string {
  const who = rule.notify.length === 0 ? 'on the page alone' : rule.notify.length === 1 ? 'one notifier' : `${String(rule.notify.length)} notifiers`;
  const quiet = rule.quiet ? `, quiet from ${rule.quiet.from} to ${rule.quiet.to}` : '';
  return `${who}${quiet}${rule.remind ? `, again every ${rule.remind}` : ''}`;
}
