// The box in a table's head ticks all boxes of its column.
export function several() {
  for (const all of document.querySelectorAll('[data-all]')) {
    const table = all.closest('table');
    const boxes = () => [...table.tBodies[0].querySelectorAll('input[type=checkbox]')];
    const look = () => {
      const ticked = boxes().filter((box) => box.checked).length;
      all.checked = ticked > 0 && ticked === boxes().length;
      all.indeterminate = ticked > 0 && !all.checked;
    };
    all.hidden = false;
    look();
    all.addEventListener('change', () => boxes().forEach((box) => { box.checked = all.checked; }));
    table.tBodies[0].addEventListener('change', look);
  }
}
