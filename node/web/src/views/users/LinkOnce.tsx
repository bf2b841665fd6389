//! A link that is shown once: who opens it chooses a password.

import type { JSX } from 'preact';

import { Button, Dialog, Note, Time } from '../../design';
import { Copyable } from '../kit';

export interface Link { user: string; link: string; expires_us?: number | null | undefined }

export function LinkOnce({ link, close }: { link: Link; close: () => void }): JSX.Element {
  return (
    <Dialog title={`A link for ${link.user}`} onClose={close} foot={<Button kind="primary" onClick={close}>I have sent it</Button>}>
      <Note tone="warning" title="This is shown once">Send it to {link.user}, and to nobody else: whoever opens it chooses the password, once.{link.expires_us ? <> It is good until <Time us={link.expires_us} absolute />.</> : ''}</Note>
      <Copyable label="Link" text={link.link} />
    </Dialog>
  );
}
