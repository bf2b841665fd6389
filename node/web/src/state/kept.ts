// What this browser keeps between visits. It is a wish: broken or missing, the default holds.

export function kept<T extends object>(name: string, defaults: T): T {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(`memcore.${name}`) ?? '{}');
    return typeof found === 'object' && found !== null ? { ...defaults, ...found } : defaults;
  } catch {
    return defaults;
  }
}

export function keep(name: string, value: object): void {
  try {
    localStorage.setItem(`memcore.${name}`, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing still shows everything.
  }
}
