// Codes of configurations and of the history of deployments; errors.ts joins them with the others.

export const CONFIGURATION_ERRORS = {
  CLOUD_CONFIGURATION_EXISTS: {
    meaning: 'A configuration with this id is there already.',
    action: 'Choose another id (one per version of the content), or change it with an If-Match header.',
  },
  CLOUD_CONFIGURATION_NOT_FOUND: {
    meaning: 'There is no configuration with this id.',
    action: 'Check the id: ids are lower case; `wayside deployment list` shows them all.',
  },
  CLOUD_CONFIGURATION_INVALID: {
    meaning:
      'A configuration has faults in its content, target condition, priority, labels or metrics; nothing was changed.',
    action: 'Correct every problem listed in the details. Content never changes: a new version is a new id.',
  },
  CLOUD_CONFIGURATION_LIMIT: {
    meaning: 'There are as many configurations as are allowed, layers included.',
    action: 'Delete those that target nothing any more.',
  },
  CLOUD_DEPLOYMENT_NOT_FOUND: {
    meaning: 'The history of the node holds no deployment with this number.',
    action: 'Look at `wayside history NODE`; the oldest are forgotten.',
  },
  CLOUD_DEPLOYMENT_TARGETED: {
    meaning: 'A configuration targets the node, so a deployment of its own would be replaced at once.',
    action:
      'Change the tags of the node, or the priority or condition of the configuration, or delete it; then restore.',
  },
} as const;
