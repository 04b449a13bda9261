// Runs before anything is drawn: gathers errors from the first line on and picks the theme.
'use strict';
window.crosslaw = (() => {
  const errors = [];
  const note = (text) => {
    errors.push(String(text));
    document.documentElement.dataset.errors = String(errors.length);
  };
  document.documentElement.dataset.errors = '0';
  window.addEventListener(
      'error', (event) => note(event.message || 'a resource failed to load'), true);
  window.addEventListener('unhandledrejection', (event) => note(event.reason));
  // The page needs nothing from outside; whatever its policy had to stop is a fault of the page.
  document.addEventListener(
      'securitypolicyviolation',
      (event) => note(`blocked by policy: ${event.violatedDirective} ${event.blockedURI}`));

  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  let chosen = null;
  try {
    chosen = localStorage.getItem('crosslaw-theme');
  } catch {
    // Some browsers keep no storage for local files: the system's choice then holds.
  }
  const apply = () => {
    document.documentElement.dataset.theme = chosen || (dark.matches ? 'dark' : 'light');
  };
  apply();
  const theme = {
    current: () => document.documentElement.dataset.theme,
    // Shows a theme without remembering it: printing is always light.
    show: (name) => {
      document.documentElement.dataset.theme = name;
    },
    restore: apply,
    toggle: () => {
      chosen = theme.current() === 'dark' ? 'light' : 'dark';
      try {
        localStorage.setItem('crosslaw-theme', chosen);
      } catch {
        // Not remembered, still shown.
      }
      apply();
    },
    onSystemChange: (redraw) => dark.addEventListener(
        'change',
        () => {
          apply();
          redraw();
        }),
  };
  return {errors, note, theme};
})();
