// A configuration as the service API shows it, in the exact form (cloud.md 2.6): of the content only the key that is meant.

import type { CountedConfiguration } from './configurations.ts';
import { systemMetrics } from './system-metrics.ts';

export function configurationJson({ configuration, counts }: CountedConfiguration) {
  return {
    id: configuration.id,
    schemaVersion: configuration.schemaVersion,
    labels: configuration.labels,
    content: { [configuration.kind]: configuration.content },
    contentType: 'assignment',
    targetCondition: configuration.targetCondition,
    createdTimeUtc: new Date(configuration.createdAtMs).toISOString(),
    lastUpdatedTimeUtc: new Date(configuration.updatedAtMs).toISOString(),
    priority: configuration.priority,
    systemMetrics: systemMetrics(configuration, counts),
    metrics: { results: configuration.metricResults, queries: configuration.metricQueries },
    etag: configuration.etag,
  };
}
