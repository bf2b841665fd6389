import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

interface PageProps {
  title: string;
  /** One quiet line beside the title. */
  about?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

/** A view's frame: title (of the browser's tab, too), actions, content. */
export function Page({ title, about, actions, children }: PageProps) {
  useEffect(() => { document.title = `${title} - memcore`; }, [title]);
  return (
    <div class="page">
      <header class="page-head">
        <h1>{title}</h1>
        {about && <div class="about">{about}</div>}
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Section({ title, actions, children }: { title: string; actions?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="section" aria-label={title}>
      <div class="section-head">
        <h2>{title}</h2>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {children}
    </section>
  );
}

/** A surface with a border; `flush` for what fills it to the edge, such as a table. */
export function Card({ flush, children }: { flush?: boolean; children: ComponentChildren }) {
  return <div class="card" data-flush={flush ? '' : undefined}>{children}</div>;
}

/** Names and what they are, in two columns. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => [<dt key={`${name}-name`}>{name}</dt>, <dd key={name}>{value}</dd>])}
    </dl>
  );
}

/** Figures side by side: each with its name above. */
export function Metrics({ metrics }: { metrics: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="metrics">
      {metrics.map(([name, value]) => (
        <div key={name} class="metric">
          <dt class="name">{name}</dt>
          <dd class="figure number">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
