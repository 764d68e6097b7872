import { expect, test } from '@jest/globals';
import type { ModuleDetails } from '@wayside/protocol';
import { expectGolden } from '../../test/golden.ts';
import { moduleTable } from './module-table.ts';

const NOW_NS = BigInt(Date.UTC(2026, 10, 22, 12)) * 1_000_000n;

function aModule(name: string, image: string, status: ModuleDetails['status']): ModuleDetails {
  return { id: 'id', name, type: 'docker', config: { settings: { image, createOptions: {} }, env: [] }, status };
}

test('moduleTable() has the layout of the original, rows in byte order', () => {
  const modules = [
    aModule('edgeHub', 'wayside/hub:0.1.0', {
      startTime: '2026-11-22T11:55:00Z',
      runtimeStatus: { status: 'running' },
    }),
    aModule('MCC', 'wayside/cache:0.1.0', { startTime: '2026-11-21T12:00:00Z', runtimeStatus: { status: 'running' } }),
    aModule('a-module-with-a-rather-long-name', 'registry.example:5000/x@sha256:1', {
      exitStatus: { exitTime: '2026-11-21T11:00:00Z', statusCode: '139' },
      runtimeStatus: { status: 'failed' },
    }),
    aModule('young', 'i', { startTime: '2026-11-22T11:59:47.654321099Z', runtimeStatus: { status: 'running' } }),
    aModule('stopped', 'i', {
      exitStatus: { exitTime: '2026-11-22T11:58:00Z', statusCode: '0' },
      runtimeStatus: { status: 'stopped' },
    }),
    aModule('dead', 'i', { runtimeStatus: { status: 'dead' } }),
    aModule('failed-when', 'i', { runtimeStatus: { status: 'failed' } }),
    aModule('running-when', 'i', { startTime: 'nonsense', runtimeStatus: { status: 'running' } }),
    aModule('odd', 'i', { runtimeStatus: { status: 'removing' } }),
  ];
  expectGolden('list.txt', moduleTable(modules, NOW_NS));
});

test('moduleTable() of no module is the header', () => {
  expect(moduleTable([], NOW_NS)).toBe('NAME             STATUS           DESCRIPTION      Config\n');
});
