// Whether the screen is as narrow as a phone's: the same width as in components.css.

import { signal } from '@preact/signals';

const narrow = matchMedia('(max-width: 640px)');

export const onPhone = signal(narrow.matches);
narrow.addEventListener('change', (event) => { onPhone.value = event.matches; });
