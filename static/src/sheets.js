// Links to narrow forms and questions open them over the page: as a drawer, or as a small modal. The form inside
// is sent as it would be from its own page.
export function sheets() {
  document.addEventListener('click', async (event) => {
    if (event.target.matches('dialog') || event.target.closest('dialog [data-close]')) {
      event.preventDefault();
      event.target.closest('dialog').close();
      return;
    }
    const link = event.target.closest('[data-sheet]');
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    document.querySelectorAll(':popover-open').forEach((menu) => menu.hidePopover());
    try {
      await open(link);
    } catch {
      location.assign(link.href);
    }
  });
}

async function open(link) {
  const response = await fetch(link.href, { headers: { accept: 'text/html' } });
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  const sheet = page.querySelector('.sheet');
  if (!response.ok || !sheet) throw new Error('no sheet');
  const dialog = document.createElement('dialog');
  dialog.className = link.dataset.sheet;
  dialog.setAttribute('aria-label', sheet.querySelector('h1').textContent);
  dialog.append(document.adoptNode(sheet));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
