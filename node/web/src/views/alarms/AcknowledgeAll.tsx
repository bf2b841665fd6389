//! Taking note of many alarms at once: what a storm leaves behind.

import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';

import { asProblem, type ProblemError } from '../../api/problem';
import { Area, Button, Dialog, ProblemNote, toast } from '../../design';
import { acknowledge } from '../calls/alarms';
import type { Place } from '../place';
import type { Alarm } from '../shapes';

/** Requests at a time. */
const AT_ONCE = 4;

export function AcknowledgeAll({ place, alarms, onClose }: { place: Place; alarms: readonly Alarm[]; onClose: () => void }): JSX.Element {
  const [words, setWords] = useState('');
  const [done, setDone] = useState<number>();
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const stopped = useRef(false);
  const critical = alarms.filter((alarm) => alarm.severity === 'critical').length;
  const long = words.length > 1000;
  const run = async () => {
    setProblem(null);
    setDone(0);
    const waiting = [...alarms];
    const failed: ProblemError[] = [];
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined && !stopped.current && failed.length === 0; next = waiting.shift()) {
        try {
          await acknowledge(place, next.id, words.trim());
          setDone((count) => (count ?? 0) + 1);
        } catch (error) {
          // One that has cleared meanwhile is nothing to take note of.
          const found = asProblem(error);
          if (found.status !== 404 && found.status !== 409) failed.push(found);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (stopped.current) return;
    const [first] = failed;
    if (first) {
      setProblem(first);
      setDone(undefined);
      return;
    }
    toast(`${String(alarms.length)} alarms are acknowledged`);
    onClose();
  };
  const close = () => { stopped.current = true; onClose(); };
  return (
    <Dialog title={`Acknowledge ${String(alarms.length)} alarms?`} onClose={close} foot={
      <><Button onClick={close}>{done === undefined ? 'Cancel' : 'Stop'}</Button><Button kind="primary" type="submit" form="acknowledge-all" busy={done !== undefined} disabled={long}>Acknowledge {alarms.length}</Button></>
    }>
      <form id="acknowledge-all" class="stack" onSubmit={(event) => { event.preventDefault(); void run(); }}>
        <p>Nobody is reminded of them any more, and they stay open until what they say is over.{critical > 0 ? ` ${String(critical)} of them ${critical === 1 ? 'is' : 'are'} critical.` : ''}</p>
        <Area label="Note" value={words} onValue={setWords} rows={3} wrong={long ? '1,000 characters at the most.' : null} hint="The same for all, for who looks next" />
        {done !== undefined && <div role="status"><progress class="lease" max={alarms.length} value={done} aria-label="Acknowledged so far" /><p class="muted small number">{done} of {alarms.length}</p></div>}
        {problem && <ProblemNote problem={problem} />}
      </form>
    </Dialog>
  );
}
