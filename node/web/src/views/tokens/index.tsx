//! API tokens: for programs, shown once, with scopes, operators and an end.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Badge, Button, type Column, Confirm, Dialog, Empty, Note, Page, Table, Time, toast } from '../../design';
import { now } from '../../state/now';
import { revokeToken, tokens as fetchTokens } from '../calls/people';
import { Copyable, Shown } from '../kit';
import type { Token } from '../shapes';
import { TokenForm } from './TokenForm';

export default function Tokens(): JSX.Element {
  const tokens = useAsked('tokens', (signal) => fetchTokens(signal), { everyMs: 30_000 });
  const [shown, setShown] = useState<'make' | { made: { token: Token; secret: string } } | { revoke: Token }>();
  const close = () => { setShown(undefined); };
  const begin = () => { setShown('make'); };
  const revoke = async (token: Token) => {
    await revokeToken(token.id);
    toast(`The token ${token.name} is revoked`);
    tokens.again();
  };
  return (
    <Page title="Tokens" about="Programs prove with them that they act for you" actions={<Button kind="primary" icon="plus" onClick={begin}>Make a token</Button>}>
      <Shown of={tokens} what="tokens">
        {(all) => <Table label="Tokens" columns={columns((token) => { setShown({ revoke: token }); })} rows={all} rowKey={(token) => token.id} empty={<Empty icon="key" title="No token yet" action={<Button onClick={begin}>Make a token</Button>}>A token may at most what you may, and less where you say so.</Empty>} />}
      </Shown>
      {shown === 'make' && <TokenForm onClose={close} onMade={(made) => { setShown({ made }); tokens.again(); }} />}
      {typeof shown === 'object' && 'made' in shown && <Made {...shown.made} onClose={close} />}
      {typeof shown === 'object' && 'revoke' in shown && <Confirm title={`Revoke the token ${shown.revoke.name}?`} act="Revoke it" danger onConfirm={() => revoke(shown.revoke)} onClose={close}><p>Programs that use it are refused from now on, and their live streams end. It cannot be taken back.</p></Confirm>}
    </Page>
  );
}

function columns(revoke: (token: Token) => void): Column<Token>[] {
  return [
    { key: 'name', title: 'Token', cell: (token) => <strong class="wrap">{token.name}</strong>, sort: (token) => token.name },
    { key: 'scopes', title: 'May', cell: (token) => <span class="row">{token.scopes.map((scope) => <Badge key={scope} plain>{scope}</Badge>)}</span> },
    { key: 'operators', title: 'At', cell: (token) => <span class="muted wrap">{token.operators?.join(', ') ?? 'all your operators'}</span> },
    { key: 'expires', title: 'Ends', cell: (token) => (token.expires_us && token.expires_us <= now.value ? <Badge tone="warning">ended</Badge> : <Time us={token.expires_us} none="never" />), sort: (token) => token.expires_us ?? null },
    { key: 'used', title: 'Last used', cell: (token) => <Time us={token.last_used_us} />, sort: (token) => token.last_used_us ?? null },
    { key: 'act', title: 'Revoke', align: 'end', card: 'foot', cell: (token) => <Button kind="quiet" onClick={() => { revoke(token); }} aria-label={`Revoke ${token.name}`}>Revoke …</Button> },
  ];
}

function Made({ token, secret, onClose }: { token: Token; secret: string; onClose: () => void }): JSX.Element {
  const address = new URL('.', document.baseURI).href.replace(/\/$/, '');
  return (
    <Dialog title={`The token ${token.name}`} onClose={onClose} foot={<Button kind="primary" onClick={onClose}>I have kept it</Button>}>
      <Note tone="warning" title="This is shown once">The server keeps a hash of it alone. Whoever has it may {token.scopes.join(', ')} in your name.</Note>
      <Copyable label="Secret" text={secret} />
      <Copyable label="To try it" text={`curl -H 'Authorization: Bearer ${secret}' ${address}/api/v1/session`} />
    </Dialog>
  );
}
