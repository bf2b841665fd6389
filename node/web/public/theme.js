// Before anything is drawn: the theme that was chosen on this machine, otherwise that of the system.
let theme = null;
try {
  theme = JSON.parse(localStorage.getItem('memcore.preferences') || '{}').theme;
} catch {
  // What is kept here is a wish and nothing more.
}
const isDark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
