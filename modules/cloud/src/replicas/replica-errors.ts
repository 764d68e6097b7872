// Error codes of the replicas, part of the module's catalogue.

export const REPLICA_ERRORS = {
  CLOUD_REPLICA_GONE: {
    meaning: 'Another replica of the cloud, which holds the connection or leads, ended or does not answer.',
    action: 'Try again: the device connects elsewhere within seconds. Look at the log of the replica when it stays.',
  },
  CLOUD_CONNECTION_TAKEN_OVER: {
    meaning: 'A newer connection of the same identity took the place of the one that wrote this.',
    action: 'Nothing, when the device just reconnected; else find out who else uses its key.',
  },
  CLOUD_STATE_NOT_SHARED: {
    meaning: 'The state folder of this replica holds another CA than the one the database belongs to.',
    action: 'Give all replicas the same state folder (ca/, admin-secret, metrics-token), then start again.',
  },
} as const;
