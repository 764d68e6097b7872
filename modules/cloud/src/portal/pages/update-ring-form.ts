// The part of a cache node's form that says when it takes new versions of its modules (connected-cache.md 1.6, "Auto-update ring").

import type { NodeAnswer } from '../../nodes/node-record.ts';
import { type FormState, radioField, selectField, textField } from '../form.ts';
import { type Html, html } from '../html.ts';

/** 1 = Sunday, as the API counts. */
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const WEEKS = ['First', 'Second', 'Third', 'Fourth'];
/** Offered to who chooses the slow ring. */
const SLOW_AT_FIRST = { week: 2, weekday: 3, from: '02:00', to: '04:00', timeZone: 'UTC' };

export function setRing(values: URLSearchParams, ring: NodeAnswer['updateRing']): void {
  values.set('updateRing', ring === null ? 'account' : ring.ring);
  const { week, weekday, from, to, timeZone } = ring?.ring === 'slow' ? ring : SLOW_AT_FIRST;
  const shown = { week: String(week), weekday: String(weekday), from, to, timeZone };
  for (const [name, value] of Object.entries(shown)) values.set(`updateRing.${name}`, value);
}

/** The field of the API; a form without it changes nothing. */
export function readRing(values: URLSearchParams): { updateRing?: object | null } {
  const text = (name: string) => (values.get(`updateRing.${name}`) ?? '').trim();
  const ring = values.get('updateRing');
  if (ring === 'account') return { updateRing: null };
  if (ring === 'fast') return { updateRing: { ring } };
  if (ring !== 'slow') return {};
  const [from, to, timeZone] = [text('from'), text('to'), text('timeZone')];
  return { updateRing: { ring, week: Number(text('week')), weekday: Number(text('weekday')), from, to, timeZone } };
}

export function ringFields(state: FormState): Html {
  const numbered = (words: string[]) => words.map((label, index) => ({ value: String(index + 1), label }));
  return html`
<fieldset class="group"><legend>Updates</legend>
${radioField(
  {
    name: 'updateRing',
    label: 'Auto-update ring',
    choices: [
      { value: 'account', label: 'As the account' },
      { value: 'fast', label: 'Fast', hint: 'New versions of the modules at once.' },
      { value: 'slow', label: 'Slow', hint: 'In the window below. Critical versions come at once.' },
    ],
  },
  state,
)}
<div class="row-fields">
${selectField({ name: 'updateRing.week', label: 'Week of the month', choices: numbered(WEEKS) }, state)}
${selectField({ name: 'updateRing.weekday', label: 'Weekday', choices: numbered(WEEKDAYS) }, state)}
</div><div class="row-fields">
${textField({ name: 'updateRing.from', label: 'From', hint: 'hh:mm, local', width: 'narrow' }, state)}
${textField({ name: 'updateRing.to', label: 'To', hint: 'hh:mm, local', width: 'narrow' }, state)}
${textField({ name: 'updateRing.timeZone', label: 'Time zone', hint: 'Such as Europe/Zurich' }, state)}
</div></fieldset>`;
}
