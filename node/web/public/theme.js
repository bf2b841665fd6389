// Before anything is drawn: the theme that was chosen on this machine.
try {
  const theme = JSON.parse(localStorage.getItem('memcore.preferences') || '{}').theme;
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // What is kept here is a wish and nothing more.
}
