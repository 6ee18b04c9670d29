// While the page that replaces a list is on its way, the list says that it is busy, and is dimmed if that takes long.
export function busy() {
  const list = () => document.getElementById('list');
  document.addEventListener('submit', (event) => {
    if (event.target.matches('[data-filters]')) list()?.setAttribute('aria-busy', 'true');
  });
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (event.target.closest('#list th a, #list .foot a')) list().setAttribute('aria-busy', 'true');
  });
  addEventListener('pageshow', () => list()?.removeAttribute('aria-busy'));
}
