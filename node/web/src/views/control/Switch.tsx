//! Pausing control, and letting it go on: both are felt in a house.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { Button, Confirm, toast } from '../../design';
import { enableControl } from '../calls/steering';
import { spanWords } from '../commands/span';
import { may, type Place } from '../place';
import type { ControlStatus } from '../shapes';

export function Switch({ place, status, again }: { place: Place; status: ControlStatus; again: () => void }): JSX.Element | null {
  const [asking, setAsking] = useState(false);
  if (!may(place, 'operator')) return null;
  const steered = status.assets.filter((asset) => typeof asset.decided_w === 'number').map((asset) => asset.asset).join(', ');
  const turn = async () => {
    await enableControl(place, !status.enabled);
    toast(status.enabled ? `Control of ${status.site} is paused` : `Control of ${status.site} goes on`, status.enabled ? 'warning' : 'good');
    again();
  };
  return (
    <>
      {status.enabled
        ? <Button kind="danger" icon="pause" onClick={() => { setAsking(true); }}>Pause …</Button>
        : <Button kind="primary" icon="play" onClick={() => { setAsking(true); }}>Resume …</Button>}
      {asking && (
        <Confirm title={status.enabled ? `Pause control of ${status.site}?` : `Resume control of ${status.site}?`} act={status.enabled ? `Pause ${status.site}` : `Resume ${status.site}`} danger={status.enabled} onConfirm={turn} onClose={() => { setAsking(false); }}>
          {status.enabled ? (
            <>
              <p>Nothing is ordered any more to {steered || 'any asset'}. Leases end within {spanWords(status.lease_us)}, and devices go to what was declared safe.</p>
              <p>Limits of circuits and of the grid operator are no longer kept by control. It stays paused over a restart, until somebody resumes it.</p>
            </>
          ) : <p>Control decides again from the next tick on ({spanWords(status.tick_us)}), and orders {steered || 'no asset'} within its limits.</p>}
        </Confirm>
      )}
    </>
  );
}
