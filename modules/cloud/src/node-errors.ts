// Error codes of the cache-node face: nodes, registration, people, /api/v1, certificates. errors.ts joins them to the module's catalogue.

export const NODE_ERRORS = {
  CLOUD_NODE_INVALID: {
    meaning: 'The fields of a cache node break a rule; nothing was changed.',
    action: 'Correct every problem listed; each names the field, the current and the wanted value.',
  },
  CLOUD_NODE_CONFLICT: {
    meaning: 'The name, server IP address with port, or a CIDR block is already in use by another cache node.',
    action: 'Choose another value, or delete the cache node that uses it.',
  },
  CLOUD_NODE_NOT_FOUND: {
    meaning: 'There is no cache node with this name.',
    action: 'Compare with the list of cache nodes.',
  },
  CLOUD_NODE_LIMIT: {
    meaning: 'The cloud holds as many cache nodes as one replica is meant for.',
    action: 'Delete nodes that are gone, or run a second cloud.',
  },
  CLOUD_UPDATE_NOT_POSSIBLE: {
    meaning:
      'The modules of the node have their versions from elsewhere: a configuration, or a manifest that somebody deployed.',
    action:
      'Change the versions there, or deploy what `wayside manifest NODE` prints: then the node follows its fields again.',
  },
  CLOUD_REGISTRATION_KEY_WRONG: {
    meaning: 'The ids and keys of a registration do not belong together, or the key is unknown or was replaced.',
    action: 'Ask for a new provisioning command and run it as it is printed.',
  },
  CLOUD_REGISTRATION_KEY_USED: {
    meaning: 'The registration key has been used by another installation; a key works once.',
    action: 'Ask for a new provisioning command. If nobody ran the old one, find out who did.',
  },
  CLOUD_REGISTRATION_KEY_EXPIRED: {
    meaning: 'The registration key is older than its lifetime.',
    action: 'Ask for a new provisioning command.',
  },
  CLOUD_REGISTRATION_LIMITED: {
    meaning: 'Too many failed registrations came from this address.',
    action: 'Wait the time the answer names, then use a new provisioning command.',
  },
  CLOUD_REQUEST_INVALID: {
    meaning: 'Body, path or query of an API request cannot be used.',
    action: 'Correct every problem listed; GET /api/v1/openapi.json describes the routes.',
  },
  CLOUD_ROUTE_NOT_FOUND: {
    meaning: 'The API has no such route, or not with this method.',
    action: 'GET /api/v1/openapi.json lists the routes.',
  },
  CLOUD_METHOD_FAILED: {
    meaning: 'edgeAgent answered a method call of the cloud with an error status.',
    action: 'Read the message of the answer; for logs, check the name of the module and lower `tail`.',
  },
  CLOUD_UPLOAD_REFUSED: {
    meaning: 'A file was sent that nobody asked for, twice, too late, or with the wrong secret.',
    action: 'Ask the node for it again (support bundle, logs).',
  },
  CLOUD_UPLOAD_NOT_FOUND: {
    meaning: 'The node has sent no such file, or it is older than files are kept.',
    action: 'Compare with the list of files of the node.',
  },
  CLOUD_STREAM_LIMIT: {
    meaning: 'As many event streams are open as one replica serves.',
    action: 'Close unused pages or programs that listen to /api/v1/events.',
  },
  CLOUD_INSTALLER_MISSING: {
    meaning: 'The installer script is not where the setting says.',
    action: 'Set WAYSIDE_CLOUD_INSTALL_SCRIPT to scripts/install.sh, or use the image as it was built.',
  },
  CLOUD_PKI_FAILED: {
    meaning: 'The CA or server certificate could not be read, made or written.',
    action:
      'Check the files in `ca/` of the state directory. Moving `ca/` away makes a new CA: every node must then be provisioned again.',
  },
  CLOUD_INTERNAL: {
    meaning: 'The cloud failed in a way it has no better word for.',
    action: 'Read the log of the cloud at that time and report it.',
  },
} as const;
