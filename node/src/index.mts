// The one implementation is CommonJS; this facade shares its classes, so that `instanceof` holds across both worlds.
export * from "./index.cjs";
