// How large text in pictures is: as the text around them, on a wall screen too.

/** A length that is right where text has its usual size, in pixels of this screen. */
export function px(usual: number): number {
  return Math.round((usual * parseFloat(getComputedStyle(document.documentElement).fontSize)) / USUAL_PX);
}

/** As --text-m in tokens.css. */
const USUAL_PX = 14;
