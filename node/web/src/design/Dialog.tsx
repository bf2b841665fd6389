import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

import { asProblem, type ProblemError } from '../api/problem';
import { Button, IconButton } from './Button';
import { ProblemNote } from './Note';

interface DialogProps {
  title: string;
  onClose: () => void;
  /** Buttons at its foot. */
  foot?: ComponentChildren;
  wide?: boolean;
  children: ComponentChildren;
}

/**
 * In front of the page, which cannot be reached while it is open: the browser's own dialog keeps the focus and gives it
 * back. Escape closes it. Mount it to open it.
 */
export function Dialog({ title, onClose, foot, wide, children }: DialogProps) {
  const place = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = place.current;
    const before = document.activeElement;
    dialog?.showModal();
    // What is to be filled in, and not the button that closes it, has the focus first.
    dialog?.querySelector<HTMLElement>('.dialog-body :is(input, select, textarea)')?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={place} class="dialog" data-wide={wide ? '' : undefined} aria-labelledby={id} onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <div class="dialog-head">
        <h2 id={id}>{title}</h2>
        <IconButton icon="close" label="Close" onClick={onClose} />
      </div>
      <div class="dialog-body">{children}</div>
      {foot && <div class="dialog-foot">{foot}</div>}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  /** What the button says: a verb, such as "Revoke". */
  act: string;
  danger?: boolean;
  /** Does it. The dialog stays while it runs, shows its Problem if it fails, and closes when it is done. */
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
  children?: ComponentChildren;
}

/** Asks before something is done that is felt in a house or cannot be taken back. */
export function Confirm({ title, act, danger, onConfirm, onClose, children }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const confirm = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} foot={
      <>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind={danger ? 'danger' : 'primary'} busy={busy} onClick={() => void confirm()}>{act}</Button>
      </>
    }>
      {children}
      {problem && <ProblemNote problem={problem} />}
    </Dialog>
  );
}
