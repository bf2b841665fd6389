/** A ring around the house: where its power comes from, each source with its share. */
export function Ring({ shares }: { shares: readonly { id: string; kind: string; share: number }[] }) {
  const length = 2 * Math.PI * 46;
  let before = 0;
  return (
    <svg class="flow-ring" viewBox="0 0 100 100" aria-hidden="true">
      <circle class="flow-ring-track" cx="50" cy="50" r="46" />
      {shares.map(({ id, kind, share }) => {
        const offset = -before * length;
        before += share;
        return <circle key={id} data-kind={kind} cx="50" cy="50" r="46" stroke-dasharray={`${String(Math.max(0, share * length - 1.5))} ${String(length)}`} stroke-dashoffset={offset} transform="rotate(-90 50 50)" />;
      })}
    </svg>
  );
}
