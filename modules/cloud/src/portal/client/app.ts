// Entry of the portal's script. Pages work without it; it adds the viewer's time zone, live parts, questions before actions, charts and logs.

import { askBeforeSending } from './confirm.ts';
import { followChanges } from './live.ts';
import { searchWhileTyping } from './search.ts';
import { showTimes } from './times.ts';

showTimes(document);
setInterval(() => showTimes(document), 10_000);
askBeforeSending();
searchWhileTyping();

document.querySelector<HTMLElement>('[data-focus]')?.focus();

document.addEventListener('change', (event) => {
  const target = event.target;
  if (target instanceof HTMLSelectElement && 'submit' in target.dataset) target.form?.requestSubmit();
});

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-copy]') : null;
  const source = button && document.getElementById(button.dataset.copy ?? '');
  if (!button || !source) return;
  void navigator.clipboard.writeText(source.textContent ?? '').then(
    () => {
      button.textContent = 'Copied';
    },
    () => {
      getSelection()?.selectAllChildren(source);
    },
  );
});

// The token of an invitation stands behind `#`, where no server sees it.
const fromHash = document.querySelector<HTMLElement>('[data-from-hash]');
const tokenInput = fromHash?.querySelector('input');
if (fromHash && tokenInput && location.hash.length > 1) {
  tokenInput.value = location.hash.slice(1);
  fromHash.hidden = true;
  history.replaceState(null, '', location.pathname);
}

const live = document.body.dataset.live;
if (live !== undefined) followChanges(live);

for (const panel of document.querySelectorAll<HTMLElement>('[data-charts]')) {
  void import('./charts.ts').then(({ drawCharts }) => drawCharts(panel));
}
for (const place of document.querySelectorAll<HTMLElement>('[data-log]')) {
  void import('./logs.ts').then(({ followLog }) => followLog(place));
}
for (const place of document.querySelectorAll<HTMLElement>('[data-editor]')) {
  void import('./editor.ts').then(({ startEditor }) => startEditor(place));
}
