// "Back to default" fills the field in at once; saving is still up to whoever reads it.
export function settings() {
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-default]');
    if (!button) return;
    event.preventDefault();
    const field = document.getElementById(`f-${button.value}`);
    if (field.type === 'checkbox') field.checked = button.dataset.default === 'true';
    else field.value = button.dataset.default;
    field.focus();
    button.remove();
  });
}
