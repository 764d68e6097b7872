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
  CACHE_CLIENT_LEFT: {
    meaning: 'A client left in the middle of a body that was being passed on; the origin got no whole request.',
    action: 'Nothing: the client does it again.',
  },
  CACHE_REQUEST_TOO_LARGE: {
    meaning: 'A client sent a longer body than REQUEST_BODY_BYTES_MAX with a method that is passed on; it got 413.',
    action: 'Nothing; what has to be larger goes to the origin without the cache.',
  },
  CACHE_DRIVE_FAILED: {
    meaning:
      'A cache drive is missing, not writable, too small or answers with I/O errors; it was taken out and the rest serves on.',
    action:
      'Look at the drive named in the message (mount, rights 13622:13622, SMART); it is taken back by itself once it works.',
  },
  CACHE_DRIVE_FOREIGN: {
    meaning:
      "The folder of a drive carries the layout of a newer version, or another program's marker; nothing on it was touched.",
    action: 'Run the version that wrote it, or give this one an empty folder (wayside-drive.json names the version).',
  },
  CACHE_DRIVE_SHORT_OF_SPACE: {
    meaning:
      "The file system of a drive has less room than the drive's cap; the drive keeps to what there is, serves on and evicts earlier.",
    action: 'Free space on that file system, or give the drive a smaller size.',
  },
  CACHE_INDEX_CORRUPT: {
    meaning: 'The index of a drive is damaged; it was set aside, the drive starts empty and its files are swept.',
    action: 'Nothing when it came with a power cut; a drive that shows it again is failing.',
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
  CACHE_PURGED: {
    meaning:
      'The object was purged while it was being fetched; the transfer is cut, so that no client gets what was purged.',
    action: 'Nothing: the client asks again and gets what the origin has by then.',
  },
  CACHE_PURGE_INVALID: {
    meaning: 'A purge names nothing, or something that is no URL, host or tag; nothing was purged.',
    action: 'Correct the fields named; contracts.md 8 has the form.',
  },
  CACHE_PURGE_BUSY: {
    meaning: 'Too many purges wait for the one under way.',
    action: 'Try again later, or name more in one purge.',
  },
  CACHE_PURGE_UNRECORDED: {
    meaning: 'No drive took the receipt of a purge, so it was not begun for good.',
    action: 'Repair the drives (CACHE_DRIVE_FAILED), then purge again.',
  },
  CACHE_PURGE_UNKNOWN: {
    meaning: 'No receipt is kept of the purge that was asked for.',
    action: 'List the receipts: the last 200 are kept.',
  },
  CACHE_PREFETCH_INVALID: {
    meaning:
      'A prefetch has no usable list, a host that is not served, or a wrong window, rate or number; nothing was begun.',
    action: 'Correct the fields named; contracts.md 8 has the form. Hosts must be on the allow list.',
  },
  CACHE_PREFETCH_BUSY: {
    meaning: 'There are too many prefetch jobs or URLs that are not done.',
    action: 'Wait for some to end or cancel them.',
  },
  CACHE_PREFETCH_UNRECORDED: {
    meaning: 'Prefetch jobs cannot be read from or written to a drive.',
    action: 'Repair the drives (CACHE_DRIVE_FAILED); jobs on a drive that is gone are gone with it.',
  },
  CACHE_PREFETCH_UNKNOWN: {
    meaning: 'The prefetch job that was asked for does not exist (any more).',
    action: 'List the jobs: the last 200 are kept.',
  },
  CACHE_ANSWER_TOO_LONG: {
    meaning: 'The answer of a direct method is longer than IoT Hub carries (128 KiB).',
    action: 'Ask for less with limit and offset, or ask the operations port.',
  },
  CACHE_CERTIFICATE_INVALID: {
    meaning:
      'A certificate, key or signing request cannot be used: not PEM, not valid now, key and certificate do not belong together, or fields are wrong. What was in use stays.',
    action: 'Read the reason in the message; sign the last request again, or correct the files.',
  },
  CACHE_CERTIFICATE_FAILED: {
    meaning: 'The files of the certificate could not be read or written.',
    action: 'Check the folder (CACHE_TLS_DIRECTORY) or the files, and the rights of 13622:13622 on them.',
  },
  CACHE_TLS_OFF: {
    meaning: 'Something was asked of the HTTPS listener or its certificate that the settings do not provide for.',
    action: 'Set CACHE_TLS_LISTEN; a certificate in files of the operator is changed by changing these.',
  },
  CACHE_MEMORY_SHORT: {
    meaning:
      'The process is near its memory limit: requests that need an origin get 503 (clients take the CDN), hits are served; then bodies in memory are dropped.',
    action: 'Give the container more memory or raise CACHE_MEMORY_MAX_MB; look at connections and fills in /details.',
  },
  CACHE_ACCESS_LOG_FAILED: {
    meaning: 'The file of the access log cannot be written; lines are lost, requests are not.',
    action: 'Check CACHE_ACCESS_LOG_FILE: folder, rights of 13622:13622, free space.',
  },
  CACHE_OPERATION_REFUSED: {
    meaning: 'Somebody without the right to it wanted to change something on the operations port.',
    action: 'Give the bearer token of CACHE_OPERATIONS_TOKEN_FILE; where none is set, ask from the node itself.',
  },
  CACHE_COMMAND_INVALID: {
    meaning: 'The body of a request to the operations port cannot be read.',
    action: 'Send JSON with its Content-Type, at most 16 MiB.',
  },
  CACHE_COMMAND_FAILED: {
    meaning: 'A command of an operator failed for a reason inside the cache.',
    action: 'Look at the log line of that time.',
  },
  CACHE_THREAD_FAILED: {
    meaning:
      'A delivery thread ended unasked. Its clients were cut and resume elsewhere; the other threads serve on and it is started again.',
    action:
      'Look at the error in the log lines before it; when it comes again and again, run with CACHE_THREADS=1 and report it.',
  },
  CACHE_SUMMARY_REFUSED: {
    meaning: 'Somebody on another host asked for the summary without the right to see it.',
    action:
      'Ask from the node itself, or set IS_SUMMARY_PUBLIC=True and give CUSTOMER_KEY as apiKey, or IS_SUMMARY_ACCESS_UNRESTRICTED=True.',
  },
} as const;
