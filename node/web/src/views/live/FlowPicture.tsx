// The picture: cards of what supplies, stores and uses, and between them and the house what flows.
//
// Cards are HTML in a grid, so that names wrap and the layout follows the screen; lines are SVG over it, measured from
// where the cards came to lie. The table says the same in words, so all of the picture but the cards is hidden from readers.

import { useLayoutEffect, useRef, useState } from 'preact/hooks';

import { Icon, Time, Value } from '../../design';
import { toSite } from '../../router';
import { consumption, direction, icon, place, shares, speed, word, type Direction, type FlowNode } from './flow';
import { FlowLine } from './FlowLine';
import { Ring } from './Ring';

interface Props {
  operator: string;
  site: string;
  nodes: readonly FlowNode[];
}

export function FlowPicture({ operator, site, nodes }: Props) {
  const [box, lines] = useLines(nodes);
  const largest = Math.max(...nodes.map((node) => Math.abs(node.power_w ?? 0)));
  const of = (where: string) => nodes.filter((node) => place(node.kind) === where);
  const cards = (where: string) => of(where).length > 0 && (
    <ul class="flow-cards" data-place={where}>{of(where).map((node) => <Card key={node.id} operator={operator} site={site} node={node} />)}</ul>
  );
  return (
    <div ref={box} class="flow card">
      <svg class="flow-lines" aria-hidden="true">
        {nodes.map((node) => {
          const path = lines.get(node.id);
          return path && <FlowLine key={node.id} kind={node.kind} path={path} way={node.stale ? 'none' : direction(node)} speed={speed(node.power_w, largest)} share={Math.abs(node.power_w ?? 0) / largest} />;
        })}
      </svg>
      {cards('supply')}
      <div class="flow-house" data-house="">
        <Ring shares={shares(nodes)} />
        <div class="flow-house-text">
          <Icon name="home" />
          <Value value={consumption(nodes)} unit="W" stale={nodes.some((node) => node.stale && place(node.kind) === 'use')} />
          <span class="faint small">house uses</span>
        </div>
      </div>
      {cards('use')}
      {cards('storage')}
    </div>
  );
}

function Card({ operator, site, node }: { operator: string; site: string; node: FlowNode }) {
  const way: Direction = direction(node);
  const inside = (
    <>
      <span class="flow-icon"><Icon name={icon(node.kind)} /></span>
      <span class="flow-text">
        <span class="flow-title">{node.name}</span>
        <span class="flow-figure"><Value value={node.power_w} unit="W" stale={node.stale} signed /></span>
        <span class="flow-about">{node.stale ? <>stale, <Time us={node.time_us} /></> : word(node)}{node.soc !== null && <> · <Value value={node.soc} unit="1" digits={0} stale={node.stale} /></>}</span>
      </span>
      {node.soc !== null && (
        <svg class="meter" preserveAspectRatio="none" viewBox="0 0 100 1" aria-hidden="true"><rect width={Math.max(0, Math.min(1, node.soc)) * 100} height="1" /></svg>
      )}
    </>
  );
  return (
    <li data-node={node.id}>
      {node.series
        ? <a class="flow-card" data-kind={node.kind} data-way={way} data-stale={node.stale ? '' : undefined} href={toSite(operator, site, 'history', { series: node.series })}>{inside}</a>
        : <div class="flow-card" data-kind={node.kind} data-way={way} data-stale={node.stale ? '' : undefined}>{inside}</div>}
    </li>
  );
}

/** A path from each card to the house, as they lie. */
function useLines(nodes: readonly FlowNode[]) {
  const box = useRef<HTMLDivElement>(null);
  const [lines, setLines] = useState<ReadonlyMap<string, string>>(new Map());
  const ids = nodes.map((node) => node.id).join(' ');
  useLayoutEffect(() => {
    const frame = box.current;
    if (!frame) return undefined;
    const measure = () => { setLines(measured(frame)); };
    measure();
    const sizes = new ResizeObserver(measure);
    sizes.observe(frame);
    return () => { sizes.disconnect(); };
  }, [ids]);
  return [box, lines] as const;
}

function measured(frame: HTMLElement): Map<string, string> {
  const origin = frame.getBoundingClientRect();
  const house = frame.querySelector('[data-house]')?.getBoundingClientRect();
  const paths = new Map<string, string>();
  if (!house) return paths;
  const [cx, cy, radius] = [house.left + house.width / 2 - origin.left, house.top + house.height / 2 - origin.top, house.width / 2];
  for (const card of frame.querySelectorAll<HTMLElement>('[data-node]')) {
    const at = card.getBoundingClientRect();
    const [left, right, top, bottom] = [at.left - origin.left, at.right - origin.left, at.top - origin.top, at.bottom - origin.top];
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    if (origin.width < NARROW_PX) {
      paths.set(card.dataset.node ?? '', alley([left, right, y], [cx, cy], radius, paths.size));
      continue;
    }
    // Beside the house the line leaves at the card's side, above and below it at the top or bottom.
    const beside = right < cx - radius || left > cx + radius;
    const from: [number, number] = beside ? [right < cx ? right : left, y] : [x, bottom < cy ? bottom : top];
    paths.set(card.dataset.node ?? '', curve(from, [cx, cy], radius, beside));
  }
  return paths;
}

/** As the layout of live.css: where the cards stand in two columns, above and below the house. */
const NARROW_PX = 700;

/** Where there is little room: from the card's inner side into the alley between the columns, and along it. */
function alley([left, right, y]: [number, number, number], [cx, cy]: [number, number], radius: number, index: number): string {
  const side = (left + right) / 2 < cx ? -1 : 1;
  const lane = cx + side * (4 + 5 * (Math.floor(index / 2) % 3));
  const [x, bend] = [side < 0 ? right : left, y < cy ? 16 : -16];
  const end = y < cy ? cy - radius : cy + radius;
  return `M${x.toFixed(1)} ${y.toFixed(1)}C${lane.toFixed(1)} ${y.toFixed(1)} ${lane.toFixed(1)} ${y.toFixed(1)} ${lane.toFixed(1)} ${(y + bend).toFixed(1)}L${lane.toFixed(1)} ${end.toFixed(1)}`;
}

/** From a card towards the house, ending at its ring. */
function curve([x, y]: [number, number], [cx, cy]: [number, number], radius: number, beside: boolean): string {
  const [dx, dy] = [x - cx, y - cy];
  // Where it meets the ring: towards the card, drawn in towards the axis so that lines do not cross.
  const angle = beside ? Math.atan2(dy * 0.45, dx) : Math.atan2(dy, dx * 0.45);
  const [ex, ey] = [cx + Math.cos(angle) * radius, cy + Math.sin(angle) * radius];
  const half = 0.5;
  const [ax, ay] = beside ? [x + (ex - x) * half, y] : [x, y + (ey - y) * half];
  const [bx, by] = beside ? [x + (ex - x) * half, ey] : [ex, y + (ey - y) * half];
  const n = (value: number) => value.toFixed(1);
  return `M${n(x)} ${n(y)}C${n(ax)} ${n(ay)} ${n(bx)} ${n(by)} ${n(ex)} ${n(ey)}`;
}
