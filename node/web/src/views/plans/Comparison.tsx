//! Plans side by side: what differs in cost and energy, against the first.

import type { JSX } from 'preact';

import { useAsked } from '../../api/use';
import { Badge, Button, Dialog } from '../../design';
import { text } from '../../units';
import { compare } from '../calls/steering';
import { Shown } from '../kit';
import type { Place } from '../place';
import type { PlanComparison } from '../shapes';
import { STATUS_TONES } from './status';

export function Comparison({ place, ids, onClose }: { place: Place; ids: readonly string[]; onClose: () => void }): JSX.Element {
  const answer = useAsked(ids.join(','), (signal) => compare(place, ids, signal));
  return (
    <Dialog title="Plans compared" wide onClose={onClose} foot={<Button kind="primary" onClick={onClose}>Close</Button>}>
      <Shown of={answer} what="comparison">{(found) => <SideBySide found={found} />}</Shown>
    </Dialog>
  );
}

function SideBySide({ found }: { found: PlanComparison }): JSX.Element {
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label="Comparison">
      <table class="table" data-cards="" role="table">
        <thead><tr><th scope="col">Figure</th>{found.plans.map((plan) => <th key={plan.id ?? plan.name} scope="col" data-align="end">{plan.name} <Badge tone={STATUS_TONES[plan.status]} plain>{plan.status}</Badge></th>)}</tr></thead>
        <tbody>
          {found.rows.map((row) => (
            <tr role="row" key={`${row.kind}/${row.part}/${row.what}`} data-total={row.what === 'total' ? '' : undefined}>
              <th scope="row" role="rowheader" class="figure-name">{row.part === '' ? '' : `${row.part}: `}{row.what.replaceAll('_', ' ')}</th>
              {row.values.map((value, at) => (
                <td key={at} role="cell" data-title={found.plans[at]?.name} data-align="end"><span class="number">{text(value, row.unit, row.kind === 'cost' ? { digits: 2 } : {})}</span>
                  {at > 0 && typeof row.differences[at] === 'number' && row.differences[at] !== 0 && <div class="faint small number">{text(row.differences[at], row.unit, { signed: true, ...(row.kind === 'cost' ? { digits: 2 } : {}) })}</div>}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
