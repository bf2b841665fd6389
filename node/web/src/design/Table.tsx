import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

export interface Column<Row> {
  key: string;
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** What it is sorted by; without, it cannot be sorted. Null comes last, whichever way. */
  sort?: (row: Row) => number | string | null;
  align?: 'end';
  /** Left out where there is little room. */
  hide?: 'phone';
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
  /** On a phone, a row becomes a small card: for tables of sentences. */
  stack?: boolean;
  /** Stands in for no rows. */
  empty?: ComponentChildren;
}

/** More rows than this are drawn as they scroll into sight. */
const VIRTUAL = 100;
/** As --row in tokens.css: on a wall screen rows are higher. */
const ROW_PX = 2.5 * parseFloat(getComputedStyle(document.documentElement).fontSize);
const AROUND = 12;

/** Rows and columns: sortable, walked with the arrow keys, and as fast with ten thousand rows as with ten. */
export function Table<Row>({ label, columns, rows, rowKey, onOpen, sorted, stack, empty }: TableProps<Row>) {
  const [order, setOrder] = useState(sorted ?? null);
  const [at, setAt] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const list = useMemo(() => inOrder(rows, columns, order), [rows, columns, order]);
  const virtual = list.length > VIRTUAL;
  const [from, to] = useWindow(box, virtual, list.length);
  if (rows.length === 0 && empty) return <div class="table-box">{empty}</div>;

  const walk = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLTableRowElement)) return;
    const row = list[at];
    if (event.key === 'Enter' && onOpen && row !== undefined) { onOpen(row); return; }
    const next = step(event.key, at, list.length);
    if (next === null) return;
    event.preventDefault();
    setAt(next);
    reveal(box.current, next, virtual);
  };
  return (
    <div ref={box} class="table-box" data-virtual={virtual ? '' : undefined} tabIndex={virtual ? 0 : undefined} role={virtual ? 'region' : undefined} aria-label={virtual ? label : undefined}>
      <table class="table" role="table" data-virtual={virtual ? '' : undefined} data-stack={stack && !virtual ? '' : undefined} aria-label={label} aria-rowcount={list.length + 1} onKeyDown={walk}>
        <Head columns={columns} order={order} onOrder={setOrder} />
        <tbody>
          {from > 0 && <tr aria-hidden="true"><td class="spacer" colSpan={columns.length} style={{ height: `${String(from * ROW_PX)}px` }} /></tr>}
          {list.slice(from, to).map((row, index) => (
            <tr key={rowKey(row)} role="row" data-row={from + index} data-open={onOpen ? '' : undefined} aria-rowindex={from + index + 2}
              tabIndex={onOpen ? (from + index === at ? 0 : -1) : undefined}
              onFocus={() => { setAt(from + index); }}
              onClick={onOpen && ((event) => { if (!inside(event)) onOpen(row); })}>
              {columns.map((column) => <td key={column.key} role="cell" data-title={column.title} data-align={column.align} data-hide={column.hide}>{column.cell(row)}</td>)}
            </tr>
          ))}
          {to < list.length && <tr aria-hidden="true"><td class="spacer" colSpan={columns.length} style={{ height: `${String((list.length - to) * ROW_PX)}px` }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}

type Order = { key: string; down: boolean } | null;

function Head<Row>({ columns, order, onOrder }: { columns: readonly Column<Row>[]; order: Order; onOrder: (order: Order) => void }) {
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map((column) => {
          const mine = order?.key === column.key ? order : null;
          return (
            <th key={column.key} scope="col" data-align={column.align} data-hide={column.hide} aria-sort={mine ? (mine.down ? 'descending' : 'ascending') : undefined}>
              {column.sort
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

/** Which rows are in sight, with some around them. */
function useWindow(box: { current: HTMLDivElement | null }, virtual: boolean, count: number): [number, number] {
  const [range, setRange] = useState<[number, number]>([0, VIRTUAL]);
  useLayoutEffect(() => {
    const place = box.current;
    if (!place || !virtual) return undefined;
    const look = () => {
      const first = Math.floor(place.scrollTop / ROW_PX);
      const from = Math.max(0, first - AROUND);
      const to = first + Math.ceil(place.clientHeight / ROW_PX) + AROUND;
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
  }, [virtual, count]);
  return virtual ? [Math.min(range[0], count), Math.min(range[1], count)] : [0, count];
}

function step(key: string, at: number, count: number): number | null {
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 10, PageUp: at - 10, Home: 0, End: count - 1 }[key];
  return to === undefined ? null : Math.max(0, Math.min(count - 1, to));
}

function reveal(box: HTMLDivElement | null, row: number, virtual: boolean): void {
  if (!box) return;
  if (virtual) {
    const top = row * ROW_PX;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + 2 * ROW_PX > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * ROW_PX - box.clientHeight;
  }
  // After the rows that came into sight are drawn.
  setTimeout(() => box.querySelector<HTMLElement>(`tr[data-row="${String(row)}"]`)?.focus(), 16);
}

/** Whether a click was meant for a link or button inside the row. */
function inside(event: MouseEvent): boolean {
  return event.target instanceof Element && event.target.closest('a, button, input, select, label') !== null;
}
