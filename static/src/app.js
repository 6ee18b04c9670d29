// What pages do beyond links and forms: all of it is a convenience, nothing needs it.
import { busy } from './busy.js';
import { channels } from './channels.js';
import { charts } from './chart.js';
import { copying } from './copy.js';
import { live } from './live.js';
import { saving } from './save.js';
import { notices } from './notices.js';
import { settings } from './settings.js';
import { several } from './several.js';
import { sheets } from './sheets.js';
import { theme } from './theme.js';

busy();
channels();
charts();
copying();
live();
saving();
notices();
settings();
several();
sheets();
theme();

// In a long menu the page that is open is in sight.
document.querySelector('.side [aria-current]')?.scrollIntoView({ block: 'nearest' });

// A form that was sent is not sent again by a second click.
document.addEventListener('submit', (event) => {
  if (event.target.matches('[data-download]')) return;
  const buttons = event.target.querySelectorAll('button:not([type=button])');
  setTimeout(() => buttons.forEach((button) => { button.disabled = true; }));
});
addEventListener('pageshow', (event) => {
  if (event.persisted) document.querySelectorAll('button[disabled]').forEach((button) => { button.disabled = false; });
});

// Filters act when they are chosen.
document.addEventListener('change', (event) => {
  if (event.target.matches('[data-filters] select')) event.target.form.requestSubmit();
});
// What was not asked for does not stand in the address.
document.addEventListener('formdata', (event) => {
  if (!event.target.matches('[data-filters]')) return;
  for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
});

// Messages of success leave by themselves, unless somebody points at them.
for (const toast of document.querySelectorAll('.toast')) {
  const address = new URL(location.href);
  address.searchParams.delete('done');
  history.replaceState(history.state, '', address);
  const leave = () => { if (toast.matches(':hover')) setTimeout(leave, 1000); else toast.remove(); };
  setTimeout(leave, 5000);
}

// A menu opens at its button.
document.addEventListener('beforetoggle', (event) => {
  const menu = event.target;
  if (event.newState !== 'open' || !menu.matches('.pop')) return;
  const button = document.querySelector(`[popovertarget="${menu.id}"]`).getBoundingClientRect();
  requestAnimationFrame(() => {
    menu.style.left = `${Math.max(8, button.right - menu.offsetWidth)}px`;
    const below = button.bottom + menu.offsetHeight + 4 <= innerHeight;
    menu.style.top = `${below ? button.bottom + 4 : button.top - menu.offsetHeight - 4}px`;
  });
}, true);
