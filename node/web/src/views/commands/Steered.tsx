//! What control made of a command to a channel that it steers, in words; and what can be done about it.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import type { ProblemError } from '../../api/problem';
import { useAsked } from '../../api/use';
import { Button, Confirm, Note, ProblemNote, Time, toast } from '../../design';
import { now } from '../../state/now';
import { control as fetchControl, controlModel, withdraw } from '../calls/steering';
import { may, type Place } from '../place';
import type { Command } from '../shapes';
import { said } from '../units';
import { assetOf, type Control } from './assets';
import { isHolding } from './words';

/** Control of a site, as far as it is controlled. */
export function useControl(place: Place): Control | undefined {
  const key = `${place.operator}/${place.site}`;
  const status = useAsked(key, (signal) => fetchControl(place, signal), { everyMs: 5_000 });
  const model = useAsked(key, (signal) => controlModel(place, signal));
  return status.data && { status: status.data, model: model.data ?? {} };
}

interface Props { place: Place; command: Command; links: { control: string } }

export function Steered({ place, command, links }: Props): JSX.Element | null {
  const control = useControl(place);
  const [taking, setTaking] = useState(false);
  const made = command.steered;
  if (!made) return null;
  const unit = command.unit ?? '';
  const asset = control && assetOf(control, command.series);
  const name = asset?.asset ?? command.device;
  const stands = isHolding(command, now.value);
  const limits = stands ? asset?.limited_by ?? [] : [];
  const otherwise = Math.abs(made.ordered - command.value) > Math.max(1e-6, Math.abs(command.value) * 0.001);
  const take = async () => {
    const { withdrawn } = await withdraw(place, 'person', name);
    toast(withdrawn === 0 ? 'It stood no longer' : `The wish for ${name} is withdrawn`);
  };
  return (
    <Note tone={otherwise ? 'warning' : 'info'} title={`Control steers ${name}: your command is a wish`}>
      <p>{otherwise
        ? `Wished was ${said(command.value, unit)}; control ordered ${said(made.ordered, unit)}${limits.length > 0 ? `, limited by ${limits.join(' and ')}` : ''}.`
        : `Control ordered ${said(made.ordered, unit)}, as you wished.`}</p>
      <p>{stands ? <>The wish stands until <Time us={made.until_us} absolute /> unless it is withdrawn; then control decides without it.</> : 'The wish stands no longer.'}</p>
      <Ways links={links} paused={control?.status.enabled === false} />
      {stands && may(place, 'operator') && <div class="row"><Button onClick={() => { setTaking(true); }}>Withdraw the wish …</Button></div>}
      {taking && <Confirm title={`Withdraw the wish for ${name}?`} act="Withdraw it" onConfirm={take} onClose={() => { setTaking(false); }}><p>From the next decision on, {name} follows the other wishes again.</p></Confirm>}
    </Note>
  );
}

/** What can be done where a wish is not enough. */
function Ways({ links, paused }: { links: { control: string }; paused: boolean }): JSX.Element {
  if (paused) return <p><a href={links.control}>Control is paused now</a>: commands go to the device as they are.</p>;
  return <p>To overrule it, <a href={links.control}>pause control, or wish with a higher priority</a>. While it is paused, commands go to the device as they are, and limits of circuits are not kept.</p>;
}

/** Said before a command is sent to what control steers. */
export function WillBeWish({ name, safety, links }: { name: string; safety: boolean; links: { control: string } }): JSX.Element {
  if (safety) return <Note tone="warning" title={`Control lets go of ${name}`}>The command leaves as it is, and control orders nothing to it but for safety until the hold is over or withdrawn.</Note>;
  return <Note tone="info" title={`Control steers ${name}`}>The command is a wish with priority 75: it overrides what is after money or comfort, and never what is safe. <a href={links.control}>How control stands</a></Note>;
}

/** Why a command was not taken in: where control steers the channel, in words of control. */
export function NotSent({ problem, name, links }: { problem: ProblemError; name: string | undefined; links: { control: string } }): JSX.Element {
  const control = name !== undefined && (problem.status === 409 || /\bcontrol\b/i.test(problem.detail));
  if (!control) return <ProblemNote problem={problem} />;
  const hangs = /\bhangs\b/.test(problem.detail);
  return (
    <div role="alert">
      <Note tone="critical" title={hangs ? `Nothing was sent: control hangs in a decision about ${name}` : `Nothing was sent: control steers ${name}, and orders nothing to it now`}>
        <p>{hangs ? 'Its orders end with their leases, and devices go to what was declared safe.' : 'It does so where what it would have to know is not measured, or the device is away.'} <a href={links.control}>See how control stands</a>.</p>
        <p>To command it all the same, pause control there and send this again; or go back and send it for safety.</p>
      </Note>
    </div>
  );
}
