// Error codes of accounts, routing and steering. errors.ts joins them to the module's catalogue.

export const ROUTING_ERRORS = {
  CLOUD_ACCOUNT_INVALID: {
    meaning: 'The fields of an account break a rule; nothing was changed.',
    action: 'Correct every problem listed; each names the field, the current and the wanted value.',
  },
  CLOUD_ACCOUNT_CONFLICT: {
    meaning: 'The name or AS number of an account is in use by another, or there are as many accounts as allowed.',
    action: 'Choose another value.',
  },
  CLOUD_ACCOUNT_NOT_FOUND: {
    meaning: 'There is no account with this customer id.',
    action: 'Compare with the list of accounts.',
  },
  CLOUD_ADDRESS_INVALID: {
    meaning: 'A client address cannot be read, or is IPv6 where only IPv4 is routed.',
    action: 'Give an IPv4 address, or switch IPv6 on for the account.',
  },
  CLOUD_PREFIX_NOT_FOUND: {
    meaning: 'The node claims no such prefix, so there is nothing to decide about it.',
    action: 'Compare with the list of prefixes of the node.',
  },
  CLOUD_PREFIX_LIMIT: {
    meaning: 'The routing table holds as many prefixes as one replica is meant for.',
    action: 'Remove prefixes, or lower what the BGP sessions may bring.',
  },
  CLOUD_STEERING_LIMITED: {
    meaning: 'A client asks for its cache node more often than any honest client does.',
    action: 'Ask again after the time the answer names; an answer holds for its max-age.',
  },
  CLOUD_STEERING_NO_NODE: {
    meaning: 'No cache node serves the address of the caller at this moment.',
    action: 'Nothing: the client uses the CDN and asks again later.',
  },
  CLOUD_STEERING_HOST_REFUSED: {
    meaning: 'A redirect was asked for a host that is not on the list of content hosts.',
    action: 'Use the host as it is, or add it to the content hosts of the account.',
  },
  CLOUD_STEERING_NOTHING: {
    meaning: 'There is no node that a steering file could name.',
    action: 'Name nodes that are switched on and have an address; DHCP and DNS can name only nodes on port 80.',
  },
} as const;
