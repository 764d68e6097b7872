// Moments in the viewer's zone: the server writes UTC, and UTC stays on hover.

import { formatDuration } from '../format.ts';

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const today = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

export function showTimes(root: ParentNode): void {
  const nowMs = Date.now();
  for (const element of root.querySelectorAll('time')) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    const text = element.dataset.form === 'ago' ? ago(date, nowMs) : local(date, nowMs);
    if (element.textContent !== text) element.textContent = text;
  }
}

function ago(date: Date, nowMs: number): string {
  const pastMs = nowMs - date.getTime();
  if (pastMs < -1000) return `in ${formatDuration(-pastMs)}`;
  return pastMs < 1000 ? 'now' : `${formatDuration(pastMs)} ago`;
}

function local(date: Date, nowMs: number): string {
  const isToday = date.toDateString() === new Date(nowMs).toDateString();
  return isToday ? today.format(date) : moment.format(date);
}
