// The live tail of a module's log: follows while it is at its end, can be paused, filtered, wrapped and saved. Lines are text, never markup.

import { h, render } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { joinTail } from '../log-tail.ts';

const POLL_MS = 3_000;
const POLL_MS_MAX = 30_000;
const LINES_MAX = 5_000;
const TAIL_LINES = 200;

export function followLog(place: HTMLElement): void {
  const text = place.querySelector('.log-lines')?.textContent ?? '';
  const first = toLines(text);
  place.replaceChildren();
  render(h(LogTail, { url: place.dataset.log ?? '', first, label: place.getAttribute('aria-label') ?? 'Log' }), place);
}

interface LogTailProps {
  url: string;
  first: string[];
  label: string;
}

function LogTail({ url, first, label }: LogTailProps) {
  const [lines, setLines] = useState(first);
  const [isPaused, setPaused] = useState(false);
  const [filter, setFilter] = useState('');
  const [isWrapped, setWrapped] = useState(true);
  const [fault, setFault] = useState('');
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);

  useEffect(() => {
    if (isPaused) return;
    let timer: ReturnType<typeof setTimeout>;
    let pauseMs = POLL_MS;
    const poll = async () => {
      if (document.visibilityState === 'visible') {
        const read = await readTail(url);
        pauseMs = read.fault === '' ? POLL_MS : Math.min(POLL_MS_MAX, pauseMs * 2);
        setFault(read.fault);
        if (read.fault === '') setLines((known) => grow(known, read.lines));
      }
      timer = setTimeout(poll, pauseMs);
    };
    timer = setTimeout(poll, POLL_MS);
    return () => clearTimeout(timer);
  }, [url, isPaused]);

  const shown = useMemo(() => {
    const wanted = filter.toLowerCase();
    return wanted === '' ? lines : lines.filter((line) => line.toLowerCase().includes(wanted));
  }, [lines, filter]);

  useEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown]);

  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current as HTMLPreElement;
    atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
  };
  const state = fault !== '' ? fault : isPaused ? 'Paused' : 'Following';
  return [
    h('div', { class: 'log-bar' }, [
      h('label', { class: 'visually-hidden', for: 'log-filter' }, 'Only lines that hold'),
      h('input', {
        id: 'log-filter',
        type: 'search',
        placeholder: 'Only lines that hold …',
        value: filter,
        onInput: (event: Event) => setFilter((event.target as HTMLInputElement).value),
      }),
      toggle('Pause', isPaused, setPaused),
      toggle('Wrap', isWrapped, setWrapped),
      h('button', { type: 'button', class: 'button plain', onClick: () => save(lines, label) }, 'Save'),
      h('span', { class: `log-state${fault !== '' ? ' fault' : ''}`, role: 'status' }, state),
      h('span', { class: 'hint' }, `${shown.length} of ${lines.length} lines`),
    ]),
    h(
      'pre',
      { class: `log-lines${isWrapped ? ' wrapped' : ''}`, tabIndex: 0, ref: box, onScroll, 'aria-label': label },
      shown.join('\n'),
    ),
  ];
}

function toggle(label: string, value: boolean, set: (value: boolean) => void) {
  return h(
    'button',
    { type: 'button', class: 'button plain', 'aria-pressed': value ? 'true' : 'false', onClick: () => set(!value) },
    label,
  );
}

function grow(known: string[], fresh: string[]): string[] {
  const joined = joinTail(known, fresh, LINES_MAX);
  if (joined.added === 0) return known;
  return joined.hasGap ? [...known, '--- lines are missing here ---', ...fresh].slice(-LINES_MAX) : joined.lines;
}

async function readTail(url: string): Promise<{ lines: string[]; fault: string }> {
  try {
    const response = await fetch(`${url}?tail=${TAIL_LINES}`);
    if (response.ok) return { lines: toLines(await response.text()), fault: '' };
    const body = (await response.json().catch(() => null)) as { error?: { message?: string } } | null;
    return { lines: [], fault: body?.error?.message ?? `The cloud answered ${response.status}` };
  } catch {
    return { lines: [], fault: 'Not connected to the cloud' };
  }
}

function toLines(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function save(lines: string[], label: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([`${lines.join('\n')}\n`], { type: 'text/plain' }));
  link.download = `${label.replace(/[^A-Za-z0-9_-]+/g, '-')}.log`;
  link.click();
  URL.revokeObjectURL(link.href);
}
