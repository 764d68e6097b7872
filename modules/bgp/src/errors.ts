// Every error code of the BGP module, with what it means and what the operator does. docs/errors.md is made from it.

export const ERRORS = {
  BGP_NOT_CONFIGURED: {
    meaning: 'The module has no valid desired properties yet, so no BGP engine runs.',
    action:
      'Give the module twin localAsn, routerId and at least one session (scripts/start-bgp-session.sh writes them).',
  },
  BGP_DESIRED_INVALID: {
    meaning: 'The desired properties of the module twin are not as documented; the settings before them stay.',
    action: 'Correct the named fields in the deployment manifest or the module twin.',
  },
  BGP_ENGINE_FAILED: {
    meaning: 'BIRD could not be started or ended by itself; it is started again, prefixes are held meanwhile.',
    action:
      'Read the lines of BIRD in the log. A taken TCP port 179 means that another BGP program runs on the server.',
  },
  BGP_ENGINE_SILENT: {
    meaning: 'BIRD did not answer on its control socket in time, or closed it in the middle of an answer.',
    action:
      'Nothing when it is rare; the question is asked again. Otherwise look at the memory and load of the server.',
  },
  BGP_ENGINE_REFUSED: {
    meaning: 'BIRD answered a command with an error, for example a configuration it does not take.',
    action: 'Read the text of BIRD in the message; the configuration before stays in force.',
  },
  BGP_REPLY_INVALID: {
    meaning: 'An answer of BIRD is not in the form its control protocol has, or longer than allowed.',
    action: 'Check the version of BIRD: the module is made for BIRD 2.',
  },
  BGP_SESSION_DOWN: {
    meaning: 'A session is not established. Its prefixes stay for holdSecs, then they are withdrawn.',
    action:
      "Check the router's side: its neighbour is the node's address, TCP 179 is open both ways, ASNs and password are the same.",
  },
  BGP_NEIGHBOR_ASN_WRONG: {
    meaning:
      'The router that connected has another ASN than neighborAsn, or expects another one here (RFC 4271 6.2, Bad Peer AS).',
    action: 'Compare neighborAsn and localAsn with the configuration of the router.',
  },
  BGP_PASSWORD_WRONG: {
    meaning:
      'Segments with a missing, unexpected or wrong TCP MD5 signature arrive while the session is down (RFC 2385).',
    action:
      'Give both sides the same password; the module must run in the host network, because address translation breaks signatures.',
  },
  BGP_PREFIX_LIMIT_REACHED: {
    meaning:
      'The router sent more prefixes than maxPrefixes: the session is shut and the last good set stays in force.',
    action: 'Correct the export of the router, or raise maxPrefixes; then call restartSession.',
  },
  BGP_STATE_FILE_INVALID: {
    meaning: 'A file in the storage folder is damaged; it is left out and the routes are sent anew.',
    action: 'Nothing when it is rare after a power cut; otherwise check the disk.',
  },
  BGP_HUB_UNREACHABLE: {
    meaning: 'The module could not open its connection to edgeHub; it tries again and collects routes meanwhile.',
    action:
      'Look at edgeHub (`wayside list`, `wayside logs edgeHub`). In the host network the name of the gateway must lead to its port 8883.',
  },
  BGP_MESSAGE_FAILED: {
    meaning: 'A message was not acknowledged by edgeHub; it is sent again, in its place in the sequence.',
    action: 'Look at edgeHub when it lasts.',
  },
  BGP_REQUEST_INVALID: {
    meaning: 'The payload of a direct method is not as documented.',
    action: 'Correct the named field; docs/contracts.md 9 has the shapes.',
  },
  BGP_SESSION_UNKNOWN: {
    meaning: 'A direct method names a session that is not in the desired properties in force.',
    action: 'Ask `sessions` for the ids.',
  },
} as const;
