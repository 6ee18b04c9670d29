// The announcement: as a dialog over the page where it is meant as one, and put away without loading the page anew.
export function notices() {
  const notice = document.querySelector('[data-announcement]');
  if (!notice) return;
  const form = notice.querySelector('form');
  const button = form.querySelector('button');
  const putAway = () => {
    notice.remove();
    fetch(form.action, { method: 'POST', body: new URLSearchParams({ dismissed: button.value }), redirect: 'manual' });
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    putAway();
  });
  if (notice.matches('dialog')) {
    notice.removeAttribute('open');
    notice.showModal();
    notice.addEventListener('close', putAway);
  }
}
