// The search field of a list: results follow the typing, and the address follows the results.

import { refreshParts } from './page-parts.ts';

const PAUSE_MS = 200;

export function searchWhileTyping(): void {
  const input = document.querySelector<HTMLInputElement>('[data-search]');
  const form = input?.form;
  if (!input || !form) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const search = async () => {
    const query = new URLSearchParams(
      [...new FormData(form)].flatMap(([name, value]) =>
        typeof value === 'string' && value !== '' ? [[name, value]] : [],
      ),
    );
    const url = `${form.action}${query.size > 0 ? `?${query}` : ''}`;
    history.replaceState(null, '', url);
    await refreshParts(url);
  };
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE_MS);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(timer);
    void search();
  });
}
