// Takes secrets out of text before it reaches a log, an error message or a support bundle.

const REDACTED = '[redacted]';

/** What is replaced, in order: credentials in URLs, SAS tokens, connection-string keys, bearer and basic credentials, private keys, JSON fields. */
const RULES: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
  [/([a-z][a-z0-9+.-]{0,31}:\/\/)[^\s/?#@"']{1,1024}@/gi, `$1${REDACTED}@`],
  [/(\bsig=)[^&\s"';]+/gi, `$1${REDACTED}`],
  [
    /(\b(?:SharedAccessKey|AccountKey|primaryKey|secondaryKey|registrationKey|customerKey)=)[^;&\s"']+/gi,
    `$1${REDACTED}`,
  ],
  [/(\b(?:Bearer|Basic)\s+)[A-Za-z0-9+/=._~-]{8,}/g, `$1${REDACTED}`],
  [
    /("(?:password|primaryKey|secondaryKey|sharedAccessKey|registrationKey|customerKey|token|sasUrl|auth|secret)"\s*:\s*)"(?:[^"\\]|\\.)*"/gi,
    `$1"${REDACTED}"`,
  ],
];

/** The text with every secret that has a known form replaced by `[redacted]`. */
export function redactSecrets(text: string): string {
  let result = text;
  for (const [pattern, replacement] of RULES) result = result.replace(pattern, replacement);
  return result;
}
