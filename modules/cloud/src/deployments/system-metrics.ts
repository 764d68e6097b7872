// System metrics of a configuration: the queries as the service writes them (az runs their text), and their results (cloud.md 2.6).

import type { Configuration } from './configuration.ts';
import { compileCondition } from './target-condition.ts';

/** Twins by status, of one configuration. */
export interface TargetCounts {
  targeted: number;
  applied: number;
  reportedSuccessful: number;
  reportedFailed: number;
}

export const NO_TARGETS: TargetCounts = { targeted: 0, applied: 0, reportedSuccessful: 0, reportedFailed: 0 };

type Results = { [name: string]: number };
type Queries = { [name: string]: string };

export function systemMetrics(
  configuration: Configuration,
  counts: TargetCounts,
): { results: Results; queries: Queries } {
  const { targeted: targetedCount, applied: appliedCount } = counts;
  if (configuration.kind !== 'modulesContent') {
    return { results: { targetedCount, appliedCount }, queries: settingQueries(configuration) };
  }
  const { reportedSuccessful: reportedSuccessfulCount, reportedFailed: reportedFailedCount } = counts;
  return {
    results: { targetedCount, appliedCount, reportedSuccessfulCount, reportedFailedCount },
    queries: edgeQueries(configuration),
  };
}

function edgeQueries({ id, targetCondition }: Configuration): Queries {
  const condition = conditionText(targetCondition);
  const applied = `select deviceId from devices.modules where moduleId = '$edgeAgent' and configurations.[[${id}]].status = 'Applied'`;
  const reported = `${applied} and properties.desired.$version = properties.reported.lastDesiredVersion and properties.reported.lastDesiredStatus.code`;
  return {
    targetedCount: `select deviceId from devices where capabilities.iotEdge = true${condition ? ` and ${condition}` : ''}`,
    appliedCount: applied,
    reportedSuccessfulCount: `${reported} = 200`,
    reportedFailedCount: `${reported} != 200`,
  };
}

function settingQueries({ id, kind, targetCondition }: Configuration): Queries {
  const ofModules = kind === 'moduleContent';
  const select = ofModules ? 'select deviceId, moduleId from devices.modules' : 'select deviceId from devices';
  const text = targetCondition.trim().replace(/^from\s+devices\.modules(\s+where\s+)?/i, '');
  const condition = text === '' && ofModules && targetCondition.trim() !== '' ? '' : conditionText(text);
  return {
    targetedCount: `${select}${condition ? ` where ${condition}` : ''}`,
    appliedCount: `${select} where configurations.[[${id}]].status = 'Applied'`,
  };
}

/** '' = every twin. A condition that targets nothing must count nothing; OR binds weaker than the AND before it. */
function conditionText(text: string): string {
  const condition = text.trim();
  if (condition === '') return 'false';
  if (condition === '*') return '';
  const isChoice = compileCondition(condition, 'deviceContent').query?.where?.kind === 'or';
  return isChoice ? `(${condition})` : condition;
}
