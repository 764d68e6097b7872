// What a caller may say about an identity, checked: the body of PUT /devices/{d} and /modules/{m} as settings of ours.

import { refusal } from '../errors.ts';
import { checkKey } from './keys.ts';

export type AuthType = 'sas' | 'selfSigned' | 'certificateAuthority' | 'none';

export interface AuthenticationInput {
  type: AuthType;
  /** undefined = keep those there are, else make new ones. */
  primaryKey?: string;
  secondaryKey?: string;
  primaryThumbprint?: string;
  secondaryThumbprint?: string;
}

/** Fields that are undefined keep their value on update and get the default on create. */
export interface IdentityInput {
  status?: 'enabled' | 'disabled';
  statusReason?: string | null;
  authentication?: AuthenticationInput;
  iotEdge?: boolean;
  deviceScope?: string;
  parentScopes?: string[];
  managedBy?: string;
}

const AUTH_TYPES: readonly string[] = ['sas', 'selfSigned', 'certificateAuthority', 'none'];
const STATUS_REASON_CHARS_MAX = 128;
const TEXT_CHARS_MAX = 1_024;
const PARENT_SCOPES_MAX = 1;
const THUMBPRINT = /^[0-9A-Fa-f]{40}([0-9A-Fa-f]{24})?$/;

type Fields = { [name: string]: unknown };

/** Reads the JSON of a device or module; unknown and read-only fields are ignored as the original does. */
export function parseIdentityInput(body: Fields): IdentityInput {
  const input: IdentityInput = {};
  if (body.status !== undefined && body.status !== null) input.status = parseStatus(body.status);
  if (body.statusReason !== undefined)
    input.statusReason = text('statusReason', body.statusReason, STATUS_REASON_CHARS_MAX) ?? null;
  if (isFields(body.authentication)) input.authentication = parseAuthentication(body.authentication);
  if (isFields(body.capabilities)) input.iotEdge = parseBoolean('capabilities.iotEdge', body.capabilities.iotEdge);
  const scope = text('deviceScope', body.deviceScope, TEXT_CHARS_MAX);
  if (scope) input.deviceScope = scope;
  if (Array.isArray(body.parentScopes) && body.parentScopes.length > 0)
    input.parentScopes = parseScopes(body.parentScopes);
  const managedBy = text('managedBy', body.managedBy, STATUS_REASON_CHARS_MAX);
  if (managedBy) input.managedBy = managedBy;
  return input;
}

function parseAuthentication(fields: Fields): AuthenticationInput {
  const type = typeof fields.type === 'string' ? fields.type : 'sas';
  if (!AUTH_TYPES.includes(type)) throw invalid('authentication.type', JSON.stringify(type), AUTH_TYPES.join(', '));
  const input: AuthenticationInput = { type: type as AuthType };
  if (type === 'sas' && isFields(fields.symmetricKey)) {
    const { primaryKey, secondaryKey } = fields.symmetricKey;
    // The SDKs send empty keys to have them made.
    if (primaryKey) {
      checkKey('authentication.symmetricKey.primaryKey', primaryKey);
      input.primaryKey = primaryKey;
    }
    if (secondaryKey) {
      checkKey('authentication.symmetricKey.secondaryKey', secondaryKey);
      input.secondaryKey = secondaryKey;
    }
  }
  if (type === 'selfSigned' && isFields(fields.x509Thumbprint)) {
    input.primaryThumbprint = thumbprint('primaryThumbprint', fields.x509Thumbprint.primaryThumbprint);
    input.secondaryThumbprint = thumbprint('secondaryThumbprint', fields.x509Thumbprint.secondaryThumbprint);
  }
  return input;
}

function thumbprint(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string' || !THUMBPRINT.test(value)) {
    throw invalid(`authentication.x509Thumbprint.${name}`, JSON.stringify(value), '40 or 64 hex digits');
  }
  return value.toUpperCase();
}

function parseStatus(value: unknown): 'enabled' | 'disabled' {
  const status = typeof value === 'string' ? value.toLowerCase() : value;
  if (status === 'enabled' || status === 'disabled') return status;
  throw invalid('status', JSON.stringify(value), 'enabled or disabled');
}

function parseBoolean(name: string, value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw invalid(name, JSON.stringify(value), 'true or false');
  return value;
}

function parseScopes(values: unknown[]): string[] {
  if (values.length > PARENT_SCOPES_MAX)
    throw invalid('parentScopes', `${values.length} scopes`, `${PARENT_SCOPES_MAX} at most`);
  return values.map((value) => text('parentScopes', value, TEXT_CHARS_MAX) ?? '').filter((scope) => scope !== '');
}

function text(name: string, value: unknown, charsMax: number): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw invalid(name, typeof value, 'text');
  if (value.length > charsMax) throw invalid(name, `${value.length} characters`, `${charsMax} at most`);
  return value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(name: string, current: string, wanted: string): Error {
  return refusal('CLOUD_ARGUMENT_INVALID', `Cannot use ${name}: it is ${current}, wanted ${wanted}`);
}
