// Everything edgeHub can complain about, with what the operator does.

export const ERRORS = {
  HUB_WORKLOAD_FAILED: {
    meaning: "The daemon's workload API did not do what was asked (sign, encrypt, certificate, trust bundle).",
    action: 'Check that the daemon runs (`wayside list`, docker logs wayside-daemon) and that its socket is mounted.',
  },
  HUB_ROUTE_INVALID: {
    meaning: 'A route of the deployment cannot be used; the whole new set is rejected and the old one stays.',
    action: 'Correct the route: the text names the route, the position and what was expected. Then deploy again.',
  },
  HUB_STORE_FULL: {
    meaning: 'The queue of an endpoint has reached its byte limit and the policy is to refuse.',
    action: 'Let the consumer catch up, raise WAYSIDE_STORE_ENDPOINT_BYTES_MAX, or choose the policy drop-oldest.',
  },
  HUB_STORE_CLOSED: {
    meaning: 'A message came while the store was closing.',
    action: 'Nothing: the sender was not told that it was stored and sends again.',
  },
  HUB_ROUTES_UNKNOWN: {
    meaning: 'edgeHub has never had a deployment, so it does not know where a message goes.',
    action: 'Deploy a manifest, and let the node reach the cloud once.',
  },
  HUB_SCOPE_FAILED: {
    meaning: 'The identities of this node could not be read from the cloud.',
    action: 'Check the connection to the cloud; known clients go on working from the stored copy.',
  },
  HUB_SCOPE_UNREADABLE: {
    meaning: 'The stored copy of the identities could not be decrypted; it is read again from the cloud.',
    action: 'Nothing, unless the node is offline: then clients cannot connect until the cloud is reached once.',
  },
  HUB_UPSTREAM_OFFLINE: {
    meaning: 'There is no connection to the cloud for this client now.',
    action: 'Nothing: messages and reported properties are kept and sent when the cloud is back.',
  },
  HUB_UPSTREAM_TIMEOUT: {
    meaning: 'The cloud did not answer within the time limit; the connection is made anew.',
    action: 'Check the connection to the cloud when it happens again and again.',
  },
  HUB_METHOD_FAILED: {
    meaning: 'A direct method could not be delivered or was not answered in time.',
    action: 'Check that the module runs and handles the method.',
  },
} as const;
