//! What these views have in common: what is asked for and how it fails, what is done by a button, what is shown once.

import './views.css';

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { type Topic, useLive } from '../api/live';
import { asProblem, type ProblemError } from '../api/problem';
import type { Asked } from '../api/use';
import { Button, Note, ProblemNote, Skeleton } from '../design';

/** Shows what was asked for: a quiet place while it comes, what went wrong, and what was there before where asking again failed. */
export function Shown<T>({ of, what, children }: { of: Asked<T>; what: string; children: (data: T) => ComponentChildren }): JSX.Element {
  if (of.data === undefined) {
    if (of.problem) return <ProblemNote problem={of.problem} again={of.problem.status === 403 ? undefined : of.again} />;
    return <div class="stack" role="status" aria-label={`Loading ${what}`}><Skeleton height="2.5rem" /><Skeleton height="2.5rem" /><Skeleton height="2.5rem" /></div>;
  }
  return (
    <>
      {of.problem && <div role="status"><Note tone="warning" title={`Not up to date: ${what} as last heard`} action={<Button onClick={of.again}>Try again</Button>}>{of.problem.message}</Note></div>}
      {children(of.data)}
    </>
  );
}

/** How long is waited for more of it before it is asked again because something arrived. */
const FOLLOW_MS = 500;

/** Asks again when something of a topic arrives: soon, and however much arrives, twice a second at the most. */
export function useFollow(at: { operator: string; site?: string }, topic: Topic, again: () => void): void {
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => () => { if (timer.current !== null) clearTimeout(timer.current); }, []);
  const soon = () => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      again();
    }, FOLLOW_MS);
  };
  useLive({ operator: at.operator, topics: [topic], ...(at.site === undefined ? {} : { site: at.site }) }, {
    onMessage: (what) => { if (what === topic) soon(); },
    onReset: again,
  });
}

/** What is being done, and what went wrong with it. */
export interface Action<A extends unknown[]> { run: (...args: A) => void; busy: boolean; problem: ProblemError | null }

/** Something that is done by a button: once at a time, its problem kept. */
export function useAction<A extends unknown[]>(act: (...args: A) => Promise<void>): Action<A> {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const running = useRef(false);
  const run = (...args: A) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setProblem(null);
    act(...args).catch((error: unknown) => { setProblem(asProblem(error)); }).finally(() => {
      running.current = false;
      setBusy(false);
    });
  };
  return { run, busy, problem };
}

/** What went wrong with a form, where no field of it is to blame. */
export function FormProblem({ problem, fields }: { problem: ProblemError | null; fields: readonly string[] }): JSX.Element | null {
  if (!problem || (problem.field !== null && fields.includes(problem.field))) return null;
  return <ProblemNote problem={problem} />;
}

/** A text that is to be copied: a secret, a link, a program. */
export function Copyable({ label, text }: { label: string; text: string }): JSX.Element {
  const [said, setSaid] = useState('Copy');
  const copy = () => {
    // Away from loopback, browsers give the clipboard to pages over TLS alone.
    const clipboard = (navigator as { clipboard?: Clipboard }).clipboard;
    const copied = clipboard ? clipboard.writeText(text) : Promise.reject(new Error('no clipboard'));
    copied.then(() => { setSaid('Copied'); }, () => { setSaid('Select and copy it'); });
  };
  return (
    <div class="copyable">
      <div class="row"><span class="label">{label}</span><span class="push" aria-live="polite"><Button icon="copy" aria-label={`${said}: ${label}`} onClick={copy}>{said}</Button></span></div>
      <pre tabIndex={0} role="group" aria-label={label}>{text}</pre>
    </div>
  );
}

/** Saves a text as a file. */
export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => { URL.revokeObjectURL(url); }, 10_000);
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
