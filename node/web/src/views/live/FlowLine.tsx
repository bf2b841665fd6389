import { useEffect, useRef } from 'preact/hooks';

import type { Direction } from './flow';

interface Props {
  kind: string;
  /** From the card to the house. */
  path: string;
  way: Direction;
  /** In pixels a second, of a screen with a usual font. */
  speed: number;
  /** Of the site's largest flow, 0 to 1: how strong the line is. */
  share: number;
}

/** A dash and the space after it, as in live.css, in rem: on a wall screen all of it is larger. */
const PERIOD = 1.125;
const PIXELS = 16;

/**
 * A line whose dashes run the way the power does, the faster the more it is. The browser's animation keeps its place when
 * its pace changes, so a new value each second does not make it jump. With reduced motion, arrows stand still instead.
 */
export function FlowLine({ kind, path, way, speed, share }: Props) {
  const dashes = useRef<SVGPathElement>(null);
  const animation = useRef<Animation | null>(null);
  useEffect(() => {
    const place = dashes.current;
    if (!place || way === 'none' || matchMedia('(prefers-reduced-motion: reduce)').matches) return undefined;
    // Towards a smaller offset dashes run along the path, which goes to the house.
    const [from, to] = way === 'in' ? [PERIOD, 0] : [0, PERIOD];
    const running = place.animate([{ strokeDashoffset: `${String(from)}rem` }, { strokeDashoffset: `${String(to)}rem` }], { duration: 1_000, iterations: Infinity });
    animation.current = running;
    return () => { running.cancel(); animation.current = null; };
  }, [way]);
  useEffect(() => { animation.current?.updatePlaybackRate(speed / PIXELS / PERIOD); }, [speed, way]);
  const width = (2 + 4 * Math.sqrt(share)) / PIXELS;
  return (
    <g class="flow-line" data-kind={kind} data-way={way}>
      <path class="flow-track" d={path} stroke-width={`${String(way === 'none' ? 0.1 : width)}rem`} />
      {way !== 'none' && <path ref={dashes} class="flow-dashes" d={path} stroke-width={`${String(Math.max(0.125, width * 0.8))}rem`} />}
      {way !== 'none' && <Arrow path={path} way={way} />}
    </g>
  );
}

/** In the middle of the line; seen where nothing may move. */
function Arrow({ path, way }: { path: string; way: Direction }) {
  const place = useRef<SVGPathElement>(null);
  useEffect(() => {
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    line.setAttribute('d', path);
    const middle = line.getTotalLength() / 2;
    const [a, b] = [line.getPointAtLength(middle - 1), line.getPointAtLength(middle + 1)];
    const turn = (Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI + (way === 'in' ? 0 : 180);
    place.current?.setAttribute('transform', `translate(${String(a.x)} ${String(a.y)}) rotate(${String(turn)})`);
  }, [path, way]);
  return <path ref={place} class="flow-arrow" d="M-5 -6 6 0 -5 6z" />;
}
