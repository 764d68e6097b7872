// The form of a cache node's fields: from the API's answer to inputs, and from what was typed to the API's body. No rule of a field stands here.

import type { NodeAnswer } from '../../nodes/node-record.ts';
import { checkboxField, type FormState, radioField, textField } from '../form.ts';
import { type Html, html } from '../html.ts';
import { readRing, ringFields, setRing } from './update-ring-form.ts';

/** What the API takes. */
const DRIVES_MAX = 9;
const SESSIONS_MAX = 8;
/** Offered to a new node (connected-cache.md 1.4). */
const NEW_NODE = { httpPort: '80', maxEgressMbps: '1000', isEnabled: 'true', prefixSource: 'manual' };

const NUMBERS = new Set(['httpPort', 'maxEgressMbps', 'asn']);

export function newNodeValues(): URLSearchParams {
  const values = new URLSearchParams({ name: '', ipAddress: '', cidrs: '', asn: '', proxy: '', ...NEW_NODE });
  setRing(values, null);
  setDrive(values, 0, '/datadrive/', '100');
  setSession(values, 0, undefined);
  return values;
}

export function nodeValues(node: NodeAnswer): URLSearchParams {
  const values = new URLSearchParams({
    name: node.name,
    ipAddress: node.ipAddress ?? '',
    httpPort: String(node.httpPort),
    maxEgressMbps: String(node.maxEgressMbps),
    isEnabled: String(node.isEnabled),
    prefixSource: node.prefixSource,
    cidrs: node.cidrs.join(', '),
    asn: node.asn === null ? '' : String(node.asn),
    proxy: node.proxy ?? '',
  });
  setRing(values, node.updateRing);
  for (const [index, drive] of node.drives.entries()) setDrive(values, index, drive.path, String(drive.sizeGb));
  if (node.drives.length === 0) setDrive(values, 0, '', '');
  const sessions = node.bgp?.sessions ?? [];
  for (const [index, session] of sessions.entries()) setSession(values, index, session);
  if (sessions.length === 0) setSession(values, 0, undefined);
  return values;
}

/** A form that was sent, with the fields that unticked boxes leave out. */
export function sentValues(form: URLSearchParams): URLSearchParams {
  const values = new URLSearchParams(form);
  if (!values.has('isEnabled')) values.set('isEnabled', 'false');
  return values;
}

/** One more empty row of `kind`, as far as there may be one. */
export function addRow(values: URLSearchParams, kind: string): void {
  if (kind === 'drive') setDrive(values, Math.min(rowsOf(values, 'drives').length, DRIVES_MAX - 1), '', '');
  if (kind === 'session')
    setSession(values, Math.min(rowsOf(values, 'bgp.sessions').length, SESSIONS_MAX - 1), undefined);
}

/** Body of POST /nodes, or of PATCH when there is a `base`: what the form does not show of BGP stays as it is there. Numbers that are none travel as text: the API says what is wrong with them. */
export function toBody(values: URLSearchParams, base?: NodeAnswer): { [field: string]: unknown } {
  const text = (name: string) => (values.get(name) ?? '').trim();
  const body: { [field: string]: unknown } = {
    ...(base ? {} : { name: text('name') }),
    ipAddress: text('ipAddress') || null,
    isEnabled: text('isEnabled') === 'true',
    prefixSource: text('prefixSource'),
    cidrs: text('cidrs')
      .replace(/[\s,;]+/g, ',')
      .replace(/^,|,$/g, ''),
    proxy: text('proxy') || null,
    ...readRing(values),
  };
  for (const name of NUMBERS) body[name] = text(name) === '' ? (name === 'asn' ? null : '') : number(text(name));
  body.drives = rowsOf(values, 'drives').flatMap((index) => {
    const path = text(`drives[${index}].path`);
    const sizeGb = text(`drives[${index}].sizeGb`);
    return path === '' && sizeGb === '' ? [] : [{ path, sizeGb: number(sizeGb) }];
  });
  const sessions = rowsOf(values, 'bgp.sessions').flatMap((index) => readSession(values, index, base));
  if (sessions.length > 0 || text('prefixSource') === 'bgp') body.bgp = { ...base?.bgp, sessions };
  return body;
}

function readSession(values: URLSearchParams, index: number, base: NodeAnswer | undefined): object[] {
  const text = (name: string) => (values.get(`bgp.sessions[${index}].${name}`) ?? '').trim();
  if (text('neighborAddress') === '' && text('neighborAsn') === '') return [];
  // An empty password leaves the one there is.
  const password = text('password');
  return [
    {
      ...base?.bgp?.sessions.find(({ id }) => id === text('id')),
      neighborAddress: text('neighborAddress'),
      neighborAsn: number(text('neighborAsn')),
      ...(password === '' ? {} : { password }),
    },
  ];
}

/** `drives`: the rows 0, 1 .. that the form has. */
function rowsOf(values: URLSearchParams, list: string): number[] {
  const pattern = new RegExp(`^${list.replace('.', '\\.')}\\[(\\d{1,3})\\]\\.`);
  const found = [...values.keys()].flatMap((key) => pattern.exec(key)?.[1] ?? []).map(Number);
  return [...new Set(found)].sort((a, b) => a - b);
}

function setDrive(values: URLSearchParams, index: number, path: string, sizeGb: string): void {
  values.set(`drives[${index}].path`, path);
  values.set(`drives[${index}].sizeGb`, sizeGb);
}

interface SessionValues {
  id: string;
  neighborAddress: string;
  neighborAsn: number;
  hasPassword: boolean;
}

function setSession(values: URLSearchParams, index: number, session: SessionValues | undefined): void {
  values.set(`bgp.sessions[${index}].id`, session?.id ?? '');
  values.set(`bgp.sessions[${index}].neighborAddress`, session?.neighborAddress ?? '');
  values.set(`bgp.sessions[${index}].neighborAsn`, session ? String(session.neighborAsn) : '');
}

function number(text: string): number | string {
  const plain = text.replaceAll(/(?<=\d)[ \u202f'](?=\d)/g, '');
  return /^\d{1,15}$/.test(plain) ? Number(plain) : text;
}

export function nodeFields(state: FormState, options: { isNew: boolean }): Html {
  return html`
<fieldset class="group"><legend>Basics</legend>
${
  options.isNew
    ? textField(
        {
          name: 'name',
          label: 'Cache node name',
          hint: 'Letters, digits, “_” and “-”, 1 to 90 characters. It cannot be changed later.',
          isRequired: true,
          maxLength: 90,
          isFocused: state.problems.length === 0,
          width: 'wide',
        },
        state,
      )
    : ''
}
${textField({ name: 'ipAddress', label: 'Server IP address', hint: 'Public IPv4 address at which clients reach this cache node. Only IPv4 addresses are supported at this time.', inputMode: 'decimal' }, state)}
${textField({ name: 'httpPort', label: 'Content port', hint: 'Clients ask on port 80; another port is for tests and front ends.', type: 'number', width: 'narrow', isRequired: true }, state)}
${textField({ name: 'maxEgressMbps', label: 'Max allowable egress', unit: 'Mbps', hint: 'How much the routing may send here. A single 10G port gives about 9 000 Mbps.', type: 'number', width: 'narrow', isRequired: true }, state)}
${checkboxField({ name: 'isEnabled', label: 'Enable cache node', hint: 'Disabled: no clients are routed here; the containers keep running.' }, state)}
</fieldset>
<fieldset class="group"><legend>Storage</legend>
<p class="hint">Up to ${DRIVES_MAX} cache drives. Each is a folder on the server; plan at least 100 GB. The folder must be writable (chmod 777).</p>
${rowsOf(state.values, 'drives').map((index) => driveRow(index, state))}
<p><button type="submit" name="add" value="drive" class="button plain" formnovalidate>Add a drive</button></p>
</fieldset>
<fieldset class="group"><legend>Routing</legend>
${radioField(
  {
    name: 'prefixSource',
    label: 'Prefix source',
    choices: [
      { value: 'manual', label: 'Manually entered', hint: 'You list the address ranges of your clients.' },
      { value: 'bgp', label: 'Use BGP', hint: 'Your router announces them to the cache node.' },
    ],
  },
  state,
)}
${textField({ name: 'cidrs', label: 'Address range / CIDR blocks', hint: 'Comma-separated, for example 2.21.234.0/24, 3.22.235.0/24. Give all ranges to all cache nodes: the routing balances between them.', rows: 4, width: 'wide', isMono: true }, state)}
${textField({ name: 'asn', label: 'ASN of the clients', hint: 'Empty: that of the account.', type: 'number', width: 'narrow' }, state)}
<div class="subgroup"><h3>BGP neighbours</h3><p class="hint">In force while the prefix source is BGP. The cache node takes the neighbour’s ASN as its own (iBGP) and announces nothing.</p>
${rowsOf(state.values, 'bgp.sessions').map((index) => sessionRow(index, state))}
<p><button type="submit" name="add" value="session" class="button plain" formnovalidate>Add a neighbour</button></p></div>
</fieldset>
<fieldset class="group"><legend>Proxy</legend>
${textField({ name: 'proxy', label: 'Proxy', hint: 'host:port through which the server reaches the cloud and the CDN. A change needs the provisioning command to be run again.' }, state)}
</fieldset>
${ringFields(state)}`;
}

function driveRow(index: number, state: FormState): Html {
  return html`<div class="row-fields">
${textField({ name: `drives[${index}].path`, label: `Cache drive ${index + 1}: folder`, isMono: true, isRequired: index === 0 }, state)}
${textField({ name: `drives[${index}].sizeGb`, label: 'Size', unit: 'GB', type: 'number', width: 'narrow', isRequired: index === 0 }, state)}
</div>`;
}

function sessionRow(index: number, state: FormState): Html {
  const base = `bgp.sessions[${index}]`;
  return html`<div class="row-fields"><input type="hidden" name="${base}.id" value="${state.values.get(`${base}.id`) ?? ''}">
${textField({ name: `${base}.neighborAddress`, label: `Neighbour ${index + 1}: IP address` }, state)}
${textField({ name: `${base}.neighborAsn`, label: 'ASN', type: 'number', width: 'narrow' }, state)}
${textField({ name: `${base}.password`, label: 'MD5 password', type: 'password', width: 'narrow', autocomplete: 'new-password' }, state)}
</div>`;
}
