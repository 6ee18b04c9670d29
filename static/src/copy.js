// Buttons that copy the text of a field or of a block.
export function copying() {
  reveal(document);
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    const text = source.value ?? source.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without TLS there is no clipboard for pages: the text is selected for the keyboard instead.
      if (source.select) source.select(); else getSelection().selectAllChildren(source);
      return;
    }
    const label = button.querySelector('span');
    const before = label.textContent;
    label.textContent = document.body.dataset.copied;
    setTimeout(() => { label.textContent = before; }, 2000);
  });
}

export function reveal(root) {
  for (const button of root.querySelectorAll('[data-copy][hidden]')) button.hidden = false;
}
