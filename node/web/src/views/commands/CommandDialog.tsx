//! The life of one command: how far it is, what the device read back, how long it still holds; renewing it, and ending it now.

import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';

import { once } from '../../api/client';
import { asProblem, isAbort, type ProblemError } from '../../api/problem';
import { Badge, Button, Confirm, Dialog, Facts, Note, ProblemNote, Skeleton, Time } from '../../design';
import { now } from '../../state/now';
import { command as fetchCommand, sendCommand } from '../calls/steering';
import { may, type Place } from '../place';
import type { Command } from '../shapes';
import { said } from '../units';
import { clock } from './span';
import { type CommandLinks, STATE_TONES } from './state';
import { Steered } from './Steered';
import { type CommandRequest, commandSentence, differs, endRequest, endsAt, isHolding, lifeSteps, renewRequest, stateWords } from './words';

interface Props { place: Place; id: string; links: CommandLinks; onClose: () => void; onOpen: (id: string) => void }

export function CommandDialog({ place, id, links, onClose, onOpen }: Props): JSX.Element {
  const { command, problem } = useLife(place, id);
  const [asking, setAsking] = useState<'renew' | 'end'>();
  if (command && asking) return <Again place={place} command={command} what={asking} onClose={() => { setAsking(undefined); }} onSent={(next) => { setAsking(undefined); onOpen(next); }} />;
  const holding = command !== undefined && command.ended && isHolding(command, now.value) && may(place, 'operator') && !command.steered;
  return (
    <Dialog title={command?.series ?? 'Command'} onClose={onClose} foot={
      <>
        {holding && <Button kind="danger" onClick={() => { setAsking('end'); }}>End it now …</Button>}
        {holding && typeof command.lease_us === 'number' && <Button icon="reload" onClick={() => { setAsking('renew'); }}>Renew …</Button>}
        <Button kind="primary" onClick={onClose}>Close</Button>
      </>
    }>
      {problem && <ProblemNote problem={problem} />}
      {command ? <Life place={place} command={command} links={links} /> : !problem && <Skeleton height="8rem" />}
    </Dialog>
  );
}

/** Follows a command: asks for its next state until nothing more will follow, then looks now and then whether it still stands. */
function useLife(place: Place, id: string): { command: Command | undefined; problem: ProblemError | null } {
  const [command, setCommand] = useState<Command>();
  const [problem, setProblem] = useState<ProblemError | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const follow = async () => {
      let seen: Command | undefined;
      for (;;) {
        try {
          const wait = seen && !seen.ended ? { wait: '20s', seen: seen.state } : undefined;
          seen = await fetchCommand(place, id, wait, stop.signal);
          setCommand(seen);
          setProblem(null);
        } catch (error) {
          if (gone(stop.signal) || isAbort(error)) return;
          const found = asProblem(error);
          setProblem(found);
          if (found.status >= 400 && found.status < 500 && found.status !== 429) return;
        }
        await pause(!seen || seen.ended ? 3_000 : 250);
        if (gone(stop.signal)) return;
      }
    };
    void follow();
    return () => { stop.abort(); };
  }, [place.operator, place.site, id]);
  return { command, problem };
}

/** Looked at anew after each wait: it may have been given up meanwhile. */
function gone(signal: AbortSignal): boolean {
  return signal.aborted;
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => { setTimeout(done, ms); });
}

function Life({ place, command, links }: { place: Place; command: Command; links: CommandLinks }): JSX.Element {
  return (
    <>
      <p class="happens">{commandSentence(command)}.</p>
      <ol class="life" aria-label="How far it is">
        {lifeSteps(command.state).map((step) => (
          <li key={step.name} data-reached={step.reached ? '' : undefined} data-bad={step.bad ? '' : undefined} aria-current={step.name === command.state ? 'step' : undefined}>{step.name}</li>
        ))}
      </ol>
      <p role="status"><Badge tone={STATE_TONES[command.state]}>{command.state}</Badge> {stateWords(command)}</p>
      {differs(command) && <Note tone="warning" title="What was read back differs from what was asked for">The device may limit the value, or needs a while to reach it.</Note>}
      <Lease command={command} />
      <Steered place={place} command={command} links={links} />
      <Facts facts={[
        ['Sent', <Time us={command.issued_us} absolute none="not written down" />], ['By', command.by],
        [command.ended ? 'Ended' : 'Delivered until', <Time us={command.ended ? command.ended_us : command.expires_us} absolute />],
        ...(command.code ? [['Code', <code>{command.code}</code>] as const] : []),
        ['Id', <code>{command.id}</code>],
      ]} />
      {typeof command.issued_us === 'number' && <p><a href={links.why(command.series, command.issued_us)}>Why did the device do what it did then?</a></p>}
    </>
  );
}

function Lease({ command }: { command: Command }): JSX.Element | null {
  if (!command.ended || !isHolding(command, now.value)) return null;
  const end = endsAt(command);
  if (end === null) return <p class="muted">It holds until another command.</p>;
  const left = end - now.value;
  const share = command.lease_us ? Math.min(1, Math.max(0, left / command.lease_us)) : 0;
  return (
    <div class="stack">
      {command.steered
        ? <p>The wish stands for another <strong class="number">{clock(left)}</strong>.</p>
        : <p>It holds for another <strong class="number">{clock(left)}</strong>, then {said(command.fallback, command.unit ?? '')}.</p>}
      <progress class="lease" max={1} value={share} aria-label="What is left of the lease" />
    </div>
  );
}

function Again({ place, command, what, onClose, onSent }: { place: Place; command: Command; what: 'renew' | 'end'; onClose: () => void; onSent: (id: string) => void }): JSX.Element {
  const key = useMemo(once, []);
  const request: CommandRequest = what === 'renew' ? renewRequest(command) : endRequest(command);
  const unit = command.unit ?? '';
  const send = async () => { onSent((await sendCommand(place, request, key)).id); };
  return (
    <Confirm title={what === 'renew' ? `Renew the lease of ${command.series}?` : `End ${command.series} now?`} act={what === 'renew' ? `Renew ${command.device}` : `End it, and set ${said(request.value, unit)}`} danger={what === 'end'} onConfirm={send} onClose={onClose}>
      {what === 'renew'
        ? <p>{commandSentence(command)}, from now on.</p>
        : <p>{command.device} is set to {said(request.value, unit)} at once, in place of {said(command.value, unit)}, and stays so until another command.</p>}
    </Confirm>
  );
}
