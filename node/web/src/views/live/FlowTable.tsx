// The picture's numbers as a table: for readers, and for who wants them exactly.

import { Icon, Table, Time, Value, type Column } from '../../design';
import { go, toSite } from '../../router';
import { icon, word, type FlowNode } from './flow';

export function FlowTable({ operator, site, nodes }: { operator: string; site: string; nodes: readonly FlowNode[] }) {
  const columns: Column<FlowNode>[] = [
    { key: 'name', title: 'Part', sort: (node) => node.name, cell: (node) => <span class="flow-name" data-kind={node.kind}><Icon name={icon(node.kind)} /><span class="wrap">{node.name}</span></span> },
    { key: 'power', title: 'Power', align: 'end', card: 'side', sort: (node) => node.power_w ?? null, cell: (node) => <Value value={node.power_w} unit="W" stale={node.stale} signed /> },
    { key: 'word', title: 'It is', cell: (node) => <span class="muted">{word(node)}</span> },
    { key: 'soc', title: 'State of charge', align: 'end', cell: (node) => ((node.soc ?? null) === null ? null : <Value value={node.soc} unit="1" digits={0} stale={node.stale} />) },
    { key: 'target', title: 'Target', align: 'end', cell: (node) => ((node.target_w ?? null) === null ? null : <Value value={node.target_w} unit="W" signed />) },
    { key: 'limit', title: 'Limit', align: 'end', cell: (node) => ((node.limit_w ?? null) === null ? null : <Value value={node.limit_w} unit="W" />) },
    { key: 'time', title: 'Measured', sort: (node) => node.time_us ?? null, cell: (node) => (node.series ? <Time us={node.time_us} /> : <span class="faint">worked out</span>) },
  ];
  return (
    <>
      <p class="faint small">Power is positive where it flows into a part; at the grid, import is positive.</p>
      <Table label="Power of each part" columns={columns} rows={nodes} rowKey={(node) => node.id}
        onOpen={(node) => { if (node.series) go(toSite(operator, site, 'history', { series: node.series })); }} />
    </>
  );
}
