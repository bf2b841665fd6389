// Zooming and moving by wheel, trackpad, finger and keyboard, in fractions of what is in sight.

export interface Movement {
  /** Above 1: more comes into sight. `at` is what stays where it is, 0 (left) to 1 (right). */
  zoom: (factor: number, at: number) => void;
  /** To later times by that part of what is in sight. */
  pan: (part: number) => void;
}

const LINE_PX = 16;

/** Listens on the plot's surface until the function that it returns is called. */
export function listen(surface: HTMLElement, { zoom, pan }: Movement): () => void {
  const where = (x: number) => {
    const box = surface.getBoundingClientRect();
    return Math.max(0, Math.min(1, (x - box.left) / box.width));
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1;
    const [dx, dy] = event.shiftKey ? [event.deltaY + event.deltaX, 0] : [event.deltaX, event.deltaY];
    if (Math.abs(dx) > Math.abs(dy)) pan((dx * unit) / surface.clientWidth);
    // A pinch on a trackpad comes as a wheel with ctrl, in small steps.
    else zoom(Math.exp(dy * unit * (event.ctrlKey ? 0.012 : 0.002)), where(event.clientX));
  };
  const fingers = new Map<number, number>();
  const down = (event: PointerEvent) => {
    const moves = event.pointerType === 'touch' || event.shiftKey || event.button === 1;
    if (!moves) return;
    fingers.set(event.pointerId, event.clientX);
    surface.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent) => {
    const before = fingers.get(event.pointerId);
    if (before === undefined) return;
    fingers.set(event.pointerId, event.clientX);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other === undefined) {
      pan((before - event.clientX) / surface.clientWidth);
      return;
    }
    const [was, is] = [Math.max(12, Math.abs(before - other)), Math.max(12, Math.abs(event.clientX - other))];
    zoom(was / is, where(other));
  };
  const up = (event: PointerEvent) => { fingers.delete(event.pointerId); };
  surface.addEventListener('wheel', wheel, { passive: false });
  surface.addEventListener('pointerdown', down);
  surface.addEventListener('pointermove', move);
  surface.addEventListener('pointerup', up);
  surface.addEventListener('pointercancel', up);
  return () => {
    surface.removeEventListener('wheel', wheel);
    surface.removeEventListener('pointerdown', down);
    surface.removeEventListener('pointermove', move);
    surface.removeEventListener('pointerup', up);
    surface.removeEventListener('pointercancel', up);
  };
}

/** What a key does to what is in sight; false for a key that does nothing here. */
export function key(event: KeyboardEvent, { zoom, pan }: Movement): boolean {
  switch (event.key) {
    case 'ArrowLeft': pan(-0.15); return true;
    case 'ArrowRight': pan(0.15); return true;
    case 'PageUp': pan(-1); return true;
    case 'PageDown': pan(1); return true;
    case '+': case '=': zoom(0.6, 0.5); return true;
    case '-': case '_': zoom(1 / 0.6, 0.5); return true;
    default: return false;
  }
}
