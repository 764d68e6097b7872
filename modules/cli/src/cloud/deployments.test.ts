import { describe, expect, test } from '@jest/globals';
import { deploymentTable, dryRunText, type FleetDeployment } from './deployments.ts';
import { historyTable } from './history.ts';

function aDeployment(fields: Partial<FleetDeployment>): FleetDeployment {
  return {
    ...{ id: 'base', etag: 'MQ==', kind: 'modulesContent', isLayer: false, targetCondition: '*', priority: 1 },
    ...{ labels: null, metrics: { queries: {}, results: {} } },
    ...{ createdAtUtc: '', createdBy: '', updatedAtUtc: '', updatedBy: '' },
    progress: { targeted: 12, applied: 9, reportedSuccessful: 8, reportedFailed: 1 },
    ...fields,
  };
}

describe('deploymentTable()', () => {
  test('the one that wins comes first; texts of others cannot move the cursor', () => {
    const layer = aDeployment({ id: 'layer', isLayer: true, priority: 5, targetCondition: "tags.a = '\u001b[2J'" });
    const settings = aDeployment({ id: 'dev', kind: 'deviceContent', priority: 1, targetCondition: '' });
    expect(deploymentTable([aDeployment({}), settings, layer]).split('\n')).toEqual([
      'ID     TYPE    PRIORITY  TARGETED  APPLIED  SUCCEEDED  FAILED  CONDITION',
      "layer  layer   5         12        9        8          1       tags.a = '[2J'",
      'base   base    1         12        9        8          1       *',
      'dev    device  1         12        9        8          1       (nothing)',
      '',
    ]);
  });
});

describe('dryRunText()', () => {
  test('totals, each node with its changes or its problem, and how many are not shown', () => {
    const view = { base: null, layers: [] };
    const changes = [
      { module: 'MCC', change: 'changed' as const, paths: ['definition.version', 'properties.desired.x'] },
    ];
    const nodes = [
      { name: 'a', before: view, after: { base: 'b', layers: ['l'] }, changes, problem: null },
      { name: 'c', before: view, after: view, changes: [], problem: 'too\nlarge' },
    ];
    expect(dryRunText({ devices: 9, targeted: 4, changed: 2, problems: 1, nodes }).split('\n')).toEqual([
      '9 devices: 4 targeted, 2 would change, 1 cannot take it; nothing was changed',
      'a: (its own) -> b + l',
      '  MCC changed: definition.version, properties.desired.x',
      'c: (its own) -> (its own)',
      '  problem: too large',
      'and 1 more',
      '',
    ]);
  });
});

describe('historyTable()', () => {
  test('newest first, with who and from what', () => {
    const past = { atUtc: '2026-01-01T00:00:00Z', modules: ['MCC'], desiredVersion: 2, isCurrent: false };
    const rows = [
      { ...past, seq: 9, by: 'ann', origin: 'configuration', base: 'b', layers: ['l'], isCurrent: true },
      { ...past, seq: 7, by: '', origin: 'fields', base: null, layers: ['l'] },
      { ...past, seq: 5, by: 'bob', origin: 'device', base: null, layers: [] },
    ];
    expect(historyTable(rows).split('\n')).toEqual([
      'SEQ  TIME                  BY         FROM            VERSION  MODULES',
      '9 *  2026-01-01T00:00:00Z  ann        b + l           2        MCC',
      '7    2026-01-01T00:00:00Z  the cloud  its fields + l  2        MCC',
      '5    2026-01-01T00:00:00Z  bob        deployed to it  2        MCC',
      '',
    ]);
  });
});
