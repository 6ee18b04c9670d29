// Buttons that save a table of this page as a CSV file, made here: what it holds is in no address and asked for once.
export function saving() {
  for (const button of document.querySelectorAll('[data-save][hidden]')) button.hidden = false;
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-save]');
    if (!button) return;
    const rows = [...document.getElementById(button.dataset.save).rows];
    const text = (cell) => `"${(cell.dataset.v ?? cell.textContent.trim()).replaceAll('"', '""')}"`;
    const lines = rows.map((row) => [...row.cells].map(text).join(','));
    const link = document.createElement('a');
    // With a byte order mark, else spreadsheets read the heads' Chinese as something else.
    link.href = URL.createObjectURL(new Blob(['\ufeff', lines.join('\r\n'), '\r\n'], { type: 'text/csv' }));
    link.download = button.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
}
