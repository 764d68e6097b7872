// Every error code of the cache, with what it means and what the operator does. docs/errors.md is made from it.

export const ERRORS = {
  CACHE_ORIGIN_REFUSED: {
    meaning: 'A client asked for a host that this cache does not serve, or named an IP address.',
    action:
      'Nothing when the host is foreign. To serve it, add it to the desired origins or to CACHEABLE_CUSTOM_N_HOST.',
  },
  CACHE_ORIGIN_ADDRESS_REFUSED: {
    meaning: 'The name of an origin leads to a private, loopback, link-local or otherwise special address.',
    action:
      'Give the origin an explicit url (desired origins, or CACHEABLE_CUSTOM_N_URL) when it really stands in the own network; otherwise check the DNS server.',
  },
  CACHE_ORIGIN_UNREACHABLE: {
    meaning: 'No connection to the origin: name not resolved, refused, reset, or closed without an answer.',
    action: 'Check DNS and the way out from inside the container; clients take the CDN meanwhile.',
  },
  CACHE_ORIGIN_TIMEOUT: {
    meaning: 'The origin did not connect, answer, or go on sending within the limits.',
    action: 'Check the line to the origin; clients take the CDN meanwhile.',
  },
  CACHE_ORIGIN_ANSWER_INVALID: {
    meaning:
      'The origin answered something a cache cannot pass on: a wrong Content-Range, 204, a body without length above the spool limit.',
    action: 'Ask the origin for the same path by hand (curl -v) and compare.',
  },
  CACHE_ORIGIN_CHANGED: {
    meaning:
      'The object changed at the origin while it was being delivered; the transfer is cut so that no client gets mixed bytes.',
    action: 'Nothing: the client asks again and gets the new version.',
  },
  CACHE_ORIGIN_BUSY: {
    meaning: 'More transfers from one origin are asked for than its limit (`transfersMax`, 512 unless set).',
    action: 'Nothing when it is rare; clients take the CDN. Otherwise raise the limit, add a node or a parent cache.',
  },
  CACHE_ORIGIN_OUT: {
    meaning:
      'The origin failed several times in a row, so it is left alone for 1 to 30 s; stale content is served meanwhile, everything else gets 5xx at once.',
    action:
      'Look at the messages before (CACHE_ORIGIN_UNREACHABLE, CACHE_ORIGIN_TIMEOUT); it is tried again by itself.',
  },
  CACHE_DRIVE_FAILED: {
    meaning:
      'A cache drive is missing, not writable, too small or answers with I/O errors; it was taken out and the rest serves on.',
    action:
      'Look at the drive named in the message (mount, rights 13622:13622, SMART); it is taken back by itself once it works.',
  },
  CACHE_STORE_FULL: {
    meaning:
      'No room could be made on any drive: everything stored is in use, or all drives are out. Content passes through unstored.',
    action: 'Give the cache more room or repair the drives.',
  },
  CACHE_CHUNK_CORRUPT: {
    meaning: 'Bytes read from a drive do not match their CRC32; the chunk was dropped and is fetched again.',
    action: 'Nothing when it is rare after a power cut; a drive that shows it often is failing.',
  },
  CACHE_DESIRED_INVALID: {
    meaning: 'The desired properties of the module twin are not as documented; the settings before them stay.',
    action: 'Correct the named fields in the deployment manifest.',
  },
  CACHE_HUB_UNREACHABLE: {
    meaning: 'The module could not open its connection to edgeHub; it tries again and serves content meanwhile.',
    action: 'Look at edgeHub (`wayside list`, `wayside logs edgeHub`).',
  },
  CACHE_REPORT_FAILED: {
    meaning: 'A report could not be handed to edgeHub; its figures go into the next one.',
    action: 'Look at edgeHub when it lasts.',
  },
  CACHE_SUMMARY_REFUSED: {
    meaning: 'Somebody on another host asked for the summary without the right to see it.',
    action:
      'Ask from the node itself, or set IS_SUMMARY_PUBLIC=True and give CUSTOMER_KEY as apiKey, or IS_SUMMARY_ACCESS_UNRESTRICTED=True.',
  },
} as const;
