// The direct methods of a simulated $edgeAgent (iotedge.md 2.6): ping, RestartModule, GetModuleLogs; names in any case, faults as 400 with a message. Pure.

import { isJsonObject, type Json } from '@wayside/protocol';
import type { RuntimeState } from './runtime-state.ts';

export interface MethodAnswer {
  status: number;
  payload: Json;
}

export interface AgentCall {
  answer: MethodAnswer;
  /** Module that the caller wants restarted. */
  restart?: string;
}

const METHODS = ['ping', 'RestartModule', 'GetModuleLogs'] as const;
const LOG_LINES_MAX = 100;
const ID_CHARS_MAX = 200;

export function callAgent(name: string, payload: Json | undefined, state: RuntimeState, nowMs: number): AgentCall {
  const known = METHODS.find((method) => method.toLowerCase() === name.toLowerCase());
  const fields = isJsonObject(payload) ? payload : {};
  if (known === 'ping') return { answer: { status: 200, payload: null } };
  if (known === undefined) {
    return fault(`Command '${name.slice(0, 100)}' not found. The supported commands are - ${METHODS.join(', ')}`);
  }
  if (fields.schemaVersion !== '1.0')
    return fault(`schemaVersion is ${JSON.stringify(fields.schemaVersion)}, wanted "1.0"`);
  if (known === 'GetModuleLogs') return moduleLogs(fields.items, state, nowMs);
  const { id } = fields;
  if (typeof id !== 'string' || !state.modules.has(id)) {
    return fault(`id is ${JSON.stringify(id)}, wanted one of ${[...state.modules.keys()].join(', ')}`);
  }
  return { answer: { status: 200, payload: null }, restart: id };
}

function moduleLogs(items: Json | undefined, state: RuntimeState, nowMs: number): AgentCall {
  const wanted = (Array.isArray(items) ? items : [items]).filter((item) => isJsonObject(item));
  const answers = [...state.modules].flatMap(([name, module]) => {
    const item = wanted.find(({ id }) => isNamed(id, name));
    if (!item) return [];
    const tail = isJsonObject(item.filter) && typeof item.filter.tail === 'number' ? item.filter.tail : LOG_LINES_MAX;
    return [{ id: name, payloadBytes: null, payload: logOf(name, module.startedAtMs ?? nowMs, nowMs, tail) }];
  });
  if (answers.length === 0) return fault(`items name none of ${[...state.modules.keys()].join(', ')}`);
  return { answer: { status: 200, payload: answers } };
}

/** An id is a regular expression in any case, or `all`; the names it meets are short. */
function isNamed(id: Json | undefined, name: string): boolean {
  if (typeof id !== 'string' || id.length > ID_CHARS_MAX) return false;
  try {
    return id === 'all' || new RegExp(id, 'i').test(name);
  } catch {
    return false;
  }
}

function logOf(name: string, startedAtMs: number, nowMs: number, tail: number): string {
  const lines = [`<6> ${stamp(startedAtMs)} ${name} started`];
  for (let count = 1; count < LOG_LINES_MAX; count += 1) {
    const atMs = nowMs - (LOG_LINES_MAX - count) * 1000;
    if (atMs > startedAtMs) lines.push(`<6> ${stamp(atMs)} ${name} works`);
  }
  return lines
    .slice(-Math.max(0, Math.min(tail, LOG_LINES_MAX)))
    .map((line) => `${line}\n`)
    .join('');
}

/** yyyy-MM-dd HH:mm:ss.fff zzz */
function stamp(atMs: number): string {
  return new Date(atMs).toISOString().replace('T', ' ').replace('Z', ' +00:00');
}

function fault(message: string): AgentCall {
  return { answer: { status: 400, payload: { message } } };
}
