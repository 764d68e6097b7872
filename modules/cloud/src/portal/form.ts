// Fields of forms. A field is named by the path the API gives its problems, so that each problem stands beside the field it is about.

import { CSRF_FIELD } from '../people/session-cookie.ts';
import type { ApiProblem } from './api-client.ts';
import { attributes, type Html, type HtmlValue, html, NOTHING } from './html.ts';
import type { Visit } from './visit.ts';

export interface FormState {
  /** What was typed, or what is in force. */
  values: URLSearchParams;
  problems: readonly ApiProblem[];
}

export interface TextField {
  name: string;
  label: string;
  hint?: HtmlValue;
  /** Placed behind the input, e.g. `Mbps`. */
  unit?: string;
  isRequired?: boolean;
  isReadOnly?: boolean;
  type?: 'text' | 'password' | 'number' | 'search';
  inputMode?: 'numeric' | 'decimal';
  autocomplete?: string;
  width?: 'narrow' | 'wide';
  rows?: number;
  min?: number;
  max?: number;
  maxLength?: number;
  isMono?: boolean;
  isFocused?: boolean;
}

/** A form that posts, with its CSRF field. */
export function postForm(
  visit: Pick<Visit, 'csrf'>,
  action: string,
  content: HtmlValue,
  extra: { [name: string]: string } = {},
): Html {
  return html`<form method="post" action="${action}"${attributes(extra)}><input type="hidden" name="${CSRF_FIELD}" value="${visit.csrf}">${content}</form>`;
}

/** What Enter in a field presses: the first button of a form, before those that only add a row. Nobody sees or reaches it otherwise. */
export function enterButton(): Html {
  return html`<button type="submit" class="visually-hidden" tabindex="-1" aria-hidden="true"></button>`;
}

/** A form of one button, for actions. `values`: hidden fields. */
export function actionButton(
  visit: Pick<Visit, 'csrf'>,
  action: string,
  label: HtmlValue,
  options: { values?: { [name: string]: string }; kind?: 'primary' | 'danger' | 'plain'; confirm?: string } = {},
): Html {
  const hidden = Object.entries(options.values ?? {}).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  const button = html`<button type="submit" class="button ${options.kind ?? 'plain'}">${label}</button>`;
  const extra = { class: 'inline-form', ...(options.confirm ? { 'data-confirm': options.confirm } : {}) };
  return postForm(visit, action, [...hidden, button], extra);
}

export function textField(field: TextField, state: FormState): Html {
  const { id, problems, describedBy, notes } = surroundings(field.name, field.hint, state);
  const shared = {
    id,
    name: field.name,
    required: field.isRequired,
    readonly: field.isReadOnly,
    autocomplete: field.autocomplete ?? 'off',
    maxlength: field.maxLength,
    autofocus: field.isFocused,
    spellcheck: 'false',
    'aria-describedby': describedBy,
    'aria-invalid': problems.length > 0 ? 'true' : undefined,
    class: [field.width ?? 'medium', field.isMono ? 'mono' : ''].join(' ').trim(),
  };
  const value = state.values.get(field.name) ?? '';
  const type = field.type === 'number' ? 'text' : (field.type ?? 'text');
  const inputMode = field.inputMode ?? (field.type === 'number' ? 'numeric' : undefined);
  const input = field.rows
    ? html`<textarea rows="${field.rows}"${attributes(shared)}>
${value}</textarea>`
    : html`<input type="${type}"${attributes({ ...shared, inputmode: inputMode, value: type === 'password' ? undefined : value })}>`;
  const optional = field.isRequired || field.isReadOnly ? NOTHING : html` <span class="optional">optional</span>`;
  return html`<div class="field${problems.length > 0 ? ' has-problem' : ''}"><label for="${id}">${field.label}${optional}</label>
${notes}<div class="input-row">${input}${field.unit ? html`<span class="unit">${field.unit}</span>` : ''}</div></div>`;
}

export function checkboxField(field: { name: string; label: string; hint?: HtmlValue }, state: FormState): Html {
  const { id, describedBy, notes } = surroundings(field.name, field.hint, state);
  const checked = ['true', 'on'].includes(state.values.get(field.name) ?? '');
  return html`<div class="field check"><div class="check-row"><input type="checkbox" value="true"${attributes({ id, name: field.name, checked, 'aria-describedby': describedBy })}><label for="${id}">${field.label}</label></div>${notes}</div>`;
}

export interface Choice {
  value: string;
  label: string;
  hint?: string;
}

export function radioField(
  field: { name: string; label: string; hint?: HtmlValue; choices: readonly Choice[] },
  state: FormState,
): Html {
  const { id, describedBy, notes } = surroundings(field.name, field.hint, state);
  const current = state.values.get(field.name) ?? field.choices[0]?.value;
  const options = field.choices.map(({ value, label, hint }) => {
    const one = `${id}-${value}`;
    return html`<div class="check-row"><input type="radio" value="${value}"${attributes({ id: one, name: field.name, checked: value === current })}><label for="${one}">${label}${hint ? html`<span class="hint">${hint}</span>` : ''}</label></div>`;
  });
  return html`<fieldset class="field radios" id="${id}"${attributes({ 'aria-describedby': describedBy })}><legend>${field.label}</legend>${notes}${options}</fieldset>`;
}

export function selectField(
  field: { name: string; label: string; hint?: HtmlValue; choices: readonly Choice[] },
  state: FormState,
): Html {
  const { id, describedBy, notes } = surroundings(field.name, field.hint, state);
  const current = state.values.get(field.name) ?? '';
  const options = field.choices.map(
    ({ value, label }) =>
      html`<option value="${value}"${attributes({ selected: value === current })}>${label}</option>`,
  );
  return html`<div class="field"><label for="${id}">${field.label}</label>${notes}<select class="medium"${attributes({ id, name: field.name, 'aria-describedby': describedBy })}>${options}</select></div>`;
}

/** All problems in one place, above the form, each a link to its field. `shown`: fields the form has. */
export function problemSummary(state: FormState, what: string): Html {
  if (state.problems.length === 0) return NOTHING;
  const items = state.problems.map((problem) => {
    const target = fieldNameOf(problem.path, state.values);
    return target === undefined
      ? html`<li>${problem.path === '' ? '' : `${problem.path}: `}${problem.message}</li>`
      : html`<li><a href="#${fieldId(target)}">${problem.message}</a></li>`;
  });
  const head = state.problems.length === 1 ? '1 problem' : `${state.problems.length} problems`;
  return html`<div class="problems" role="alert" tabindex="-1" data-focus><h2>${what}: ${head}</h2><ul>${items}</ul></div>`;
}

/** `drives[0].path` -> `field-drives-0--path`. */
export function fieldId(name: string): string {
  return `field-${name.replace(/[^A-Za-z0-9]/g, '-')}`;
}

function surroundings(name: string, hint: HtmlValue, state: FormState) {
  const id = fieldId(name);
  const problems = state.problems.filter(({ path }) => fieldNameOf(path, state.values) === name || path === name);
  const hintId = hint ? `${id}-hint` : undefined;
  const problemId = problems.length > 0 ? `${id}-problem` : undefined;
  const notes = [
    hint ? html`<p class="hint" id="${hintId}">${hint}</p>` : '',
    problemId
      ? html`<p class="problem" id="${problemId}">${problems.map(({ message }) => html`<span>${message}</span>`)}</p>`
      : '',
  ];
  const describedBy = [hintId, problemId].filter((one) => one !== undefined).join(' ') || undefined;
  return { id, problems, describedBy, notes };
}

/** A problem of a part (`cidrs[3]`, `drives[0]`) belongs to the nearest field the form has. */
function fieldNameOf(path: string, values: URLSearchParams): string | undefined {
  let name = path;
  while (name !== '') {
    if (values.has(name)) return name;
    const first = [...values.keys()].find((key) => key.startsWith(`${name}.`));
    if (first !== undefined) return first;
    name = name.replace(/(\.[^.[\]]+|\[\d+\]|^[^.[\]]+)$/, '');
  }
  return undefined;
}
