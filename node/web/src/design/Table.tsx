import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

import { onPhone } from './phone';

export interface Column<Row> {
  key: string;
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** What it is sorted by; without, it cannot be sorted. Null comes last, whichever way. */
  sort?: (row: Row) => number | string | null;
  align?: 'end';
  /** Left out where there is little room. */
  hide?: 'phone';
  /**
   * Where it stands on the card that a row becomes on a phone: as its head, beside it, at its foot, all of them without their titles;
   * or with its title before it, as all do that say nothing. The first column is the head where none is.
   */
  card?: 'head' | 'side' | 'foot';
}

interface TableProps<Row> {
  /** What it lists: heard, not seen. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** Click, or Enter on a row. */
  onOpen?: (row: Row) => void;
  sorted?: { key: string; down: boolean };
  /** On a phone a row becomes a small card. Tables of a few short numbers, that are compared, stay tables. */
  phone?: 'cards' | 'table';
  /** Stands in for no rows. */
  empty?: ComponentChildren;
}

/** More rows than this are drawn as they scroll into sight. */
const VIRTUAL = 100;
/** As --row in tokens.css, until a row is there to be measured: on a wall screen rows are higher. */
const USUAL_PX = 2.5 * parseFloat(getComputedStyle(document.documentElement).fontSize);
const AROUND = 12;

/** Rows and columns: sortable, walked with the arrow keys, and as fast with ten thousand rows as with ten. */
export function Table<Row>({ label, columns, rows, rowKey, onOpen, sorted, phone: narrow = 'cards', empty }: TableProps<Row>) {
  const [order, setOrder] = useState(sorted ?? null);
  const [at, setAt] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const list = useMemo(() => inOrder(rows, columns, order), [rows, columns, order]);
  const cards = narrow === 'cards' && onPhone.value;
  const headed = columns.some((column) => column.card === 'head');
  const virtual = list.length > VIRTUAL && !cards;
  const { from, to, rowPx } = useWindow(box, virtual, list.length);
  const most = useMore(box, cards, list.length, at);
  if (rows.length === 0 && empty) return <div class="table-box">{empty}</div>;

  const walk = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLTableRowElement)) return;
    const row = list[at];
    if (event.key === 'Enter' && onOpen && row !== undefined) { onOpen(row); return; }
    const next = step(event.key, at, list.length);
    if (next === null) return;
    event.preventDefault();
    setAt(next);
    reveal(box.current, next, virtual ? rowPx : null);
  };
  const spacer = (count: number) => <tr aria-hidden="true"><td class="spacer" colSpan={columns.length} style={{ height: `${String(count * rowPx)}px` }} /></tr>;
  return (
    <>
      {cards && <Sorting label={label} columns={columns} count={list.length} order={order} onOrder={setOrder} />}
      <div ref={box} class="table-box" data-virtual={virtual ? '' : undefined} data-cards={cards ? '' : undefined} tabIndex={virtual ? 0 : undefined} role={virtual ? 'region' : undefined} aria-label={virtual ? label : undefined}>
        <table class="table" role="table" data-virtual={virtual ? '' : undefined} data-cards={cards ? '' : undefined} data-dense={narrow === 'table' ? '' : undefined} aria-label={label} aria-rowcount={list.length + 1} onKeyDown={walk}>
          <Head columns={columns} order={order} onOrder={cards ? null : setOrder} />
          <tbody>
            {from > 0 && spacer(from)}
            {list.slice(from, Math.min(to, most)).map((row, index) => (
              <tr key={rowKey(row)} role="row" data-row={from + index} data-open={onOpen ? '' : undefined} aria-rowindex={from + index + 2}
                style={virtual ? { height: `${String(rowPx)}px` } : undefined}
                tabIndex={onOpen ? (from + index === at ? 0 : -1) : undefined}
                onFocus={() => { setAt(from + index); }}
                onClick={onOpen && ((event) => { if (!inside(event)) onOpen(row); })}>
                {columns.map((column, place) => (
                  <td key={column.key} role="cell" data-title={column.title} data-align={column.align} data-hide={column.hide} data-card={column.card ?? (place === 0 && !headed ? 'head' : undefined)}>{column.cell(row)}</td>
                ))}
              </tr>
            ))}
            {to < list.length && spacer(list.length - to)}
          </tbody>
        </table>
        {most < list.length && <p class="table-more faint small" data-more="">{(list.length - most).toLocaleString('en-GB')} more below</p>}
      </div>
    </>
  );
}

/** So few rows are read, and not sorted. */
const FEW = 8;

/** Cards have no heads to press: what they are sorted by is chosen above them. */
function Sorting<Row>({ label, columns, count, order, onOrder }: { label: string; columns: readonly Column<Row>[]; count: number; order: Order; onOrder: (order: Order) => void }) {
  const sortable = columns.filter((column) => column.sort);
  if (count < FEW || sortable.length === 0) return null;
  return (
    <div class="table-sorting">
      <select class="input" aria-label={`Sort ${label}`} value={order?.key ?? ''} onChange={(event) => { const key = event.currentTarget.value; onOrder(key === '' ? null : { key, down: false }); }}>
        <option value="" selected={order === null}>Sort: as listed</option>
        {sortable.map((column) => <option key={column.key} value={column.key} selected={order?.key === column.key}>{`Sort: ${column.title}`}</option>)}
      </select>
      {order && <button type="button" class="button" onClick={() => { onOrder({ ...order, down: !order.down }); }}>{order.down ? 'Falling' : 'Rising'}<span aria-hidden="true">{order.down ? ' ▼' : ' ▲'}</span></button>}
    </div>
  );
}

type Order = { key: string; down: boolean } | null;

function Head<Row>({ columns, order, onOrder }: { columns: readonly Column<Row>[]; order: Order; onOrder: ((order: Order) => void) | null }) {
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map((column) => {
          const mine = order?.key === column.key ? order : null;
          return (
            <th key={column.key} scope="col" data-align={column.align} data-hide={column.hide} aria-sort={mine ? (mine.down ? 'descending' : 'ascending') : undefined}>
              {column.sort && onOrder
                ? <button type="button" onClick={() => { onOrder({ key: column.key, down: mine ? !mine.down : false }); }}>
                    {column.title}<span class="arrow" aria-hidden="true">{mine ? (mine.down ? '▼' : '▲') : ''}</span>
                  </button>
                : column.title}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

function inOrder<Row>(rows: readonly Row[], columns: readonly Column<Row>[], order: Order): readonly Row[] {
  const by = columns.find((column) => column.key === order?.key)?.sort;
  if (!by || !order) return rows;
  const sign = order.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return sign * (typeof x === 'number' && typeof y === 'number' ? x - y : collate.compare(String(x), String(y)));
  });
}

const collate = new Intl.Collator('en', { numeric: true });

/** Which rows are in sight, with some around them; and how high one is. All are as high as the highest that was seen. */
function useWindow(box: { current: HTMLDivElement | null }, virtual: boolean, count: number): { from: number; to: number; rowPx: number } {
  const [range, setRange] = useState<[number, number]>([0, VIRTUAL]);
  const [rowPx, setRowPx] = useState(USUAL_PX);
  useLayoutEffect(() => {
    if (!virtual) return;
    const heights = Array.from(box.current?.querySelectorAll('tr[data-row]') ?? [], (row) => row.getBoundingClientRect().height);
    const highest = Math.max(0, ...heights);
    if (highest > rowPx + 0.5) setRowPx(highest);
  });
  useLayoutEffect(() => {
    const place = box.current;
    if (!place || !virtual) return undefined;
    const look = () => {
      const first = Math.floor(place.scrollTop / rowPx);
      const from = Math.max(0, first - AROUND);
      const to = first + Math.ceil(place.clientHeight / rowPx) + AROUND;
      setRange((was) => (was[0] === from && was[1] === to ? was : [from, to]));
    };
    look();
    place.addEventListener('scroll', look, { passive: true });
    const sizes = new ResizeObserver(look);
    sizes.observe(place);
    return () => {
      place.removeEventListener('scroll', look);
      sizes.disconnect();
    };
  }, [virtual, count, rowPx]);
  return virtual ? { from: Math.min(range[0], count), to: Math.min(range[1], count), rowPx } : { from: 0, to: count, rowPx };
}

/** So many cards are drawn, and so many more whenever their end comes into sight: the page scrolls, not a box within it. */
const CARDS = 40;

/** How many cards are drawn: all up to the one that is chosen. */
function useMore(box: { current: HTMLDivElement | null }, cards: boolean, count: number, at: number): number {
  const [drawn, setDrawn] = useState(CARDS);
  const most = Math.max(drawn, at + 1);
  const ends = cards && most < count;
  useEffect(() => {
    const end = ends ? box.current?.querySelector('[data-more]') : null;
    if (!end) return undefined;
    const sight = new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) setDrawn(most + CARDS); }, { rootMargin: '600px' });
    sight.observe(end);
    return () => { sight.disconnect(); };
  }, [ends, most]);
  return cards ? Math.min(most, count) : count;
}

function step(key: string, at: number, count: number): number | null {
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 10, PageUp: at - 10, Home: 0, End: count - 1 }[key];
  return to === undefined ? null : Math.max(0, Math.min(count - 1, to));
}

function reveal(box: HTMLDivElement | null, row: number, rowPx: number | null): void {
  if (!box) return;
  if (rowPx !== null) {
    const top = row * rowPx;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + 2 * rowPx > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * rowPx - box.clientHeight;
  }
  // After the rows that came into sight are drawn.
  setTimeout(() => box.querySelector<HTMLElement>(`tr[data-row="${String(row)}"]`)?.focus(), 16);
}

/** Whether a click was meant for a link or button inside the row. */
function inside(event: MouseEvent): boolean {
  return event.target instanceof Element && event.target.closest('a, button, input, select, label') !== null;
}
