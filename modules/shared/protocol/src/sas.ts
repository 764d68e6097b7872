// Shared access signatures (cloud.md 1.3): the HMAC is over the `sr` text exactly as it stands in the token + "\n" + `se`.

export interface SasToken {
  /** `sr` as it stands in the token (encoded or not). */
  srRaw: string;
  /** decoded resource, e.g. host/devices/d/modules/m. */
  resource: string;
  sigBase64: string;
  /** unix seconds. */
  se: number;
  skn?: string;
}

/** undefined when the text is no token. Field order is free. */
export declare function parseSasToken(text: string): SasToken | undefined;
/** true when the signature fits the base64 key (timing safe). Does not look at expiry or resource. */
export declare function verifySasSignature(token: SasToken, keyBase64: string): boolean;
/** `SharedAccessSignature sr=..&sig=..&se=..[&skn=..]`; resource is given decoded and is encoded here. */
export declare function createSasToken(o: { resource: string; keyBase64: string; expiresAtSecs: number; skn?: string }): string;
/** The text to be signed for a resource: `${encodeURIComponent(resource)}\n${se}`. */
export declare function sasStringToSign(resource: string, expiresAtSecs: number): string;
/** resource covers target when equal or a parent by whole segments, host case-insensitive: host covers host/devices/d covers host/devices/d/modules/m. */
export declare function sasResourceCovers(resource: string, target: string): boolean;
/** `HostName=..;DeviceId=..;SharedAccessKey=..[;ModuleId=..][;GatewayHostName=..][;SharedAccessKeyName=..]`; throws an Error naming what is missing or wrong. */
export declare function parseConnectionString(text: string): {
  hostName: string;
  deviceId?: string;
  moduleId?: string;
  sharedAccessKey?: string;
  sharedAccessKeyName?: string;
  gatewayHostName?: string;
};
