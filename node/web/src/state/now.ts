// The server's time. Ages are told by it, so that a browser with a wrong clock does not call the present stale.

import { signal } from '@preact/signals';

let aheadUs = 0;

/** Microseconds since the epoch, by the server's clock. */
export function serverNow(): number {
  return Date.now() * 1e3 + aheadUs;
}

/** The same, for what is drawn: it moves once a second while the page is in sight. */
export const now = signal(serverNow());

/** Takes the server's word for what time it is. */
export function hear(nowUs: number): void {
  aheadUs = nowUs - Date.now() * 1e3;
  now.value = nowUs;
}

setInterval(() => { if (!document.hidden) now.value = serverNow(); }, 1_000);
document.addEventListener('visibilitychange', () => { now.value = serverNow(); });
