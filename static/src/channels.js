// Channels: trying what a form holds without leaving it, and testing all channels one by one.
import { reveal } from './copy.js';

/** Channels tested at the same time, as the server does it by itself. */
const AT_ONCE = 4;

export function channels() {
  document.addEventListener('submit', (event) => {
    const button = event.submitter;
    if (event.target.matches('[data-try]') && button?.name === 'act') {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (button.matches('[data-take]')) take(event.target); else attempt(event.target, button);
    } else if (event.target.matches('[data-test-all]')) {
      event.preventDefault();
      event.stopImmediatePropagation();
      testAll(event.target);
    }
  }, true);
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-choose-all]');
    if (button) button.closest('fieldset').querySelectorAll('[name=candidate]').forEach((box) => { box.checked = true; });
  });
}

async function ask(address, fields) {
  const response = await fetch(address, { method: 'POST', body: new URLSearchParams(fields), headers: { accept: 'text/html' } });
  return new DOMParser().parseFromString(await response.text(), 'text/html');
}

// The key that was typed stays where it is: the page's answer is read, not shown.
async function attempt(form, button) {
  const label = button.querySelector('span');
  const before = label.textContent;
  const fields = new FormData(form, button);
  fields.delete('candidate');
  const outcome = form.querySelector('#outcome');
  label.textContent = button.dataset.busy;
  button.disabled = true;
  outcome.replaceChildren();
  try {
    const page = await ask(form.action, fields);
    if (!page.querySelector('[data-try]')) throw new Error('no form');
    marks(form, page);
    outcome.replaceChildren(...page.querySelector('#outcome').childNodes);
    outcome.querySelectorAll('[data-choose-all]').forEach((one) => { one.hidden = false; });
    reveal(outcome);
    outcome.scrollIntoView({ block: 'nearest' });
  } catch {
    // Not by a click, which would come back here: as the form goes out without scripts.
    const act = Object.assign(document.createElement('input'), { type: 'hidden', name: 'act', value: button.value });
    form.append(act);
    form.submit();
  } finally {
    label.textContent = before;
    button.disabled = false;
  }
}

// What is wrong with single fields, as the answer says it.
function marks(form, page) {
  for (const field of form.querySelectorAll('.body .field')) {
    const control = field.querySelector('.in');
    const answered = control && page.getElementById(control.id)?.closest('.field');
    if (!answered) continue;
    const wrong = answered.querySelector('[aria-invalid=true]');
    control.toggleAttribute('aria-invalid', Boolean(wrong));
    if (wrong) control.setAttribute('aria-invalid', 'true');
    field.querySelectorAll('.err, .hint').forEach((line) => line.remove());
    field.append(...answered.querySelectorAll('.err, .hint'));
    control.setAttribute('aria-describedby', `h-${control.name}`);
  }
  form.querySelector('.body > [role=alert]')?.remove();
  const trouble = page.querySelector('[data-try] .body > [role=alert]');
  if (trouble) form.querySelector('.body').prepend(trouble);
  form.querySelector('.body [aria-invalid=true]')?.focus();
}

function take(form) {
  const models = form.elements.models;
  const known = models.value.split(/[\s,，]+/).filter(Boolean);
  const chosen = [...form.querySelectorAll('[name=candidate]:checked')].map((box) => box.value);
  models.value = [...new Set([...known, ...chosen])].join('\n');
  form.querySelector('#outcome').replaceChildren();
  models.focus();
}

async function testAll(form) {
  const rows = document.querySelector('[data-test-rows]');
  const progress = document.querySelector('[data-test-progress]');
  const running = document.querySelector('[data-test-running]');
  const button = form.querySelector('button');
  const waiting = [...rows.children].map((row) => row.dataset.channel);
  const count = waiting.length;
  let [done, bad] = [0, 0];
  const tell = () => {
    progress.querySelector('progress').value = done / count;
    const text = progress.dataset.text.replace('%d', done).replace('%n', count).replace('%b', bad);
    progress.querySelector('p').textContent = text;
  };
  const row = (id) => rows.querySelector(`[data-channel="${id}"]`);
  const work = async () => {
    for (let id = waiting.shift(); id; id = waiting.shift()) {
      row(id).children[1].replaceChildren(running.content.cloneNode(true));
      try {
        const page = await test(id);
        bad += page.querySelector('.st.bad') ? 1 : 0;
        row(id).replaceWith(page.querySelector('tr'));
      } catch {
        bad += 1;
        row(id).children[1].textContent = '—';
      }
      done += 1;
      tell();
    }
  };
  button.disabled = true;
  progress.hidden = false;
  tell();
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  button.disabled = false;
  button.querySelector('span').textContent = button.dataset.again;
}

// A row alone is no document: it stands in a table to be read as one.
async function test(id) {
  const body = new URLSearchParams({ part: 'row' });
  const response = await fetch(`/admin/channels/${id}/test`, { method: 'POST', body });
  const html = await response.text();
  return new DOMParser().parseFromString(`<table><tbody>${html}</tbody></table>`, 'text/html');
}
