import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

/** The frame of what is seen before somebody is signed in. */
export function Gate({ title, children }: { title: string; children: ComponentChildren }) {
  useEffect(() => { document.title = `${title} - memcore`; }, [title]);
  return (
    <main class="gate">
      <div class="gate-card">
        <span class="brand">
          <svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" /><path d="M17.5 5 8 18h6.5L13 27l11-14h-7z" /></svg>
          <span>memcore</span>
        </span>
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  );
}
