// The newest page of the log follows along: rows appear when requests begin and complete in place.
const MOST_ROWS = 200;

export function live() {
  const table = document.querySelector('[data-live]');
  if (!table) return;
  const rows = table.tBodies[0];
  const state = document.querySelector('[data-live-state]');
  const button = document.querySelector('[data-live-pause]');
  const waiting = [];
  const foot = document.querySelector('[data-foot]');
  const written = (number) => number.toLocaleString(document.documentElement.lang);
  let total = Number(foot?.dataset.total);
  let paused = false;

  const count = () => {
    if (!foot) return;
    if (!('capped' in foot.dataset)) total += 1;
    foot.textContent = foot.dataset.foot.replace('%f', '1').replace('%l', written(rows.rows.length)).replace('%t', written(total));
  };

  const show = (html) => {
    const holder = document.createElement('template');
    holder.innerHTML = html;
    const row = holder.content.querySelector('tr');
    const known = document.getElementById(row.id);
    if (known) known.replaceWith(row); else rows.prepend(row);
    document.querySelector('[data-live-empty]')?.remove();
    while (rows.rows.length > MOST_ROWS) rows.lastElementChild.remove();
    if (!known) count();
  };
  const source = new EventSource(table.dataset.live);
  source.addEventListener('open', () => { state.hidden = paused; });
  source.addEventListener('error', () => { state.hidden = true; });
  source.addEventListener('row', (event) => {
    if (!paused) show(event.data);
    else if (waiting.push(event.data) > MOST_ROWS) waiting.shift();
  });
  button.hidden = false;
  button.addEventListener('click', () => {
    paused = !paused;
    state.hidden = paused;
    button.querySelector('span').textContent = paused ? button.dataset.resume : button.dataset.pause;
    // Without npm there are words alone.
    const use = button.querySelector('use');
    use?.setAttribute('href', use.getAttribute('href').replace(/#.*/, paused ? '#player-play' : '#player-pause'));
    if (!paused) waiting.splice(0).forEach(show);
  });
  addEventListener('pagehide', () => source.close());
}
