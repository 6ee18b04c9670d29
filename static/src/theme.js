// The switch between light and dark acts at once; the server keeps the choice.
export function theme() {
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  for (const form of document.querySelectorAll('[data-theme-switch]')) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const now = root.dataset.theme ?? (dark.matches ? 'dark' : 'light');
      const next = now === 'dark' ? 'light' : 'dark';
      root.dataset.theme = next;
      dispatchEvent(new Event('themechange'));
      fetch(form.action, { method: 'POST', body: new URLSearchParams({ theme: next }), redirect: 'manual' });
      setTimeout(() => form.querySelectorAll('button').forEach((button) => { button.disabled = false; }));
    });
  }
}
