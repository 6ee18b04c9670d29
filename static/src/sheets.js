// Links to narrow forms and questions open them over the page: as a drawer, or as a small modal. A form that is refused
// says so where it stands; what comes of one that is taken is a page.
import { reveal } from './copy.js';

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
    if (link.ariaBusy) return;
    document.querySelectorAll(':popover-open').forEach((menu) => menu.hidePopover());
    link.ariaBusy = 'true';
    try {
      await open(link);
    } catch {
      location.assign(link.href);
    } finally {
      link.ariaBusy = null;
    }
  });
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (event.defaultPrevented || !form.matches('dialog .sheet form[method=post]:not([enctype])')) return;
    event.preventDefault();
    send(form, event.submitter);
  });
}

async function open(link) {
  const response = await fetch(link.href, { headers: { accept: 'text/html' } });
  const sheet = read(await response.text()).querySelector('.sheet');
  if (!response.ok || !sheet) throw new Error('no sheet');
  const dialog = document.createElement('dialog');
  dialog.className = link.dataset.sheet;
  dialog.setAttribute('aria-label', sheet.querySelector('h1').textContent);
  dialog.append(sheet);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

async function send(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  let response;
  try {
    response = await fetch(form.action, { method: 'POST', body, headers: { accept: 'text/html' } });
  } catch {
    // The browser says what is wrong with the line.
    form.submit();
    return;
  }
  if (response.redirected) {
    location.assign(response.url);
    return;
  }
  const page = read(await response.text());
  const sheet = page.querySelector('.sheet');
  if (!response.ok && sheet) again(form, sheet); else show(page);
}

// The same form with what is wrong with it. Secrets, which the answer does not have, stay as they were typed.
function again(form, sheet) {
  for (const secret of form.querySelectorAll('[type=password]')) {
    const same = sheet.querySelector(`[type=password][name="${secret.name}"]`);
    if (same) same.value = secret.value;
  }
  form.closest('.sheet').replaceWith(sheet);
  sheet.querySelector('[aria-invalid=true], [autofocus]')?.focus();
}

// What is shown once, or why nothing came of it.
function show(page) {
  const main = page.querySelector('main');
  document.querySelector('dialog[open]').close();
  document.querySelector('main').replaceWith(main);
  document.title = page.title;
  reveal(main);
  main.focus();
  scrollTo(0, 0);
}

function read(html) {
  return new DOMParser().parseFromString(html, 'text/html');
}
