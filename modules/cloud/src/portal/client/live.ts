// Follows the cloud's events (SSE) and keeps the page up to date; says so when what is shown is no longer current.

import { refreshParts } from './page-parts.ts';

const EVENT_KINDS = [
  'state',
  'module',
  'deployment',
  'connection',
  'daemon',
  'probe',
  'drive',
  'routing',
  'update',
  'method',
  'registration',
  'node',
];
/** Events come in bursts: one refresh for all of them. */
const GATHER_MS = 400;
const REFRESH_GAP_MS = 2_000;
/** Figures change without an event. */
const POLL_MS = 10_000;
const STALE_AFTER_MS = 25_000;

let refreshedAtMs = Date.now();
let pending: ReturnType<typeof setTimeout> | undefined;

/** `node`: a name, or `*` for all. */
export function followChanges(node: string): void {
  if (!document.querySelector('[data-part]')) return;
  const source = new EventSource(node === '*' ? '/api/v1/events' : `/api/v1/events?node=${encodeURIComponent(node)}`);
  for (const kind of EVENT_KINDS) source.addEventListener(kind, () => plan(GATHER_MS));
  setInterval(() => {
    if (document.visibilityState === 'visible' && Date.now() - refreshedAtMs >= POLL_MS) plan(0);
    if (Date.now() - refreshedAtMs > STALE_AFTER_MS) showStale();
  }, 1_000);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') plan(0);
  });
  addEventListener('offline', showStale);
  addEventListener('online', () => plan(0));
  addEventListener('pagehide', () => source.close());
}

function plan(delayMs: number): void {
  if (pending !== undefined || document.visibilityState === 'hidden') return;
  const gapMs = Math.max(0, REFRESH_GAP_MS - (Date.now() - refreshedAtMs));
  pending = setTimeout(refresh, Math.max(delayMs, gapMs));
}

async function refresh(): Promise<void> {
  const result = await refreshParts(location.href);
  pending = undefined;
  if (result === 'done') {
    refreshedAtMs = Date.now();
    say('');
  } else if (result === 'signed-out') {
    say('Your session has ended. Reload the page to sign in again.');
  }
}

function showStale(): void {
  say(`Not connected to the cloud: what is shown is from ${new Date(refreshedAtMs).toLocaleTimeString()}.`);
}

function say(text: string): void {
  const place = document.getElementById('live-state');
  if (!place || place.textContent === text) return;
  place.textContent = text;
  place.hidden = text === '';
  document.body.classList.toggle('is-stale', text !== '');
}
