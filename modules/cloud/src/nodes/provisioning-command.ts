// The one command an operator runs on a server (connected-cache.md 1.9, docs/contracts.md 5).

import type { NodeRecord } from './node-record.ts';

export interface CommandParts {
  /** https base of the cloud as nodes reach it, e.g. `https://wayside-cloud:8443`. */
  cloudUrl: string;
  /** base64 of the SHA-256 of the server's SubjectPublicKeyInfo. */
  pin: string;
  customerId: string;
  registrationKey: string;
  /** MQTT port of the cloud as nodes reach it. */
  mqttPort: number;
  /** Image of the daemon, e.g. `wayside/daemon:0.1.0`. */
  daemonImage: string;
}

/** What the installer takes when it is not told. */
const MQTT_PORT_DEFAULT = 8883;
const INSTALLER_FILE = 'wayside-install.sh';

/** https base without the default port. */
export function cloudUrlOf(hostname: string, httpsPort: number): string {
  return httpsPort === 443 ? `https://${hostname}` : `https://${hostname}:${httpsPort}`;
}

/**
 * Fetches the installer under the pinned key and runs it. It is saved first, not piped: a download that breaks off runs nothing.
 * No value needs quotes: GUIDs, base64, host names, image names and drive paths (drive-path.ts) hold nothing a shell reads as syntax.
 * `$(command -v sudo)` is sudo where there is one; a root shell of a small server often has none.
 */
export function provisioningCommand(node: NodeRecord, parts: CommandParts): string {
  const pin = `sha256//${parts.pin}`;
  const drives = node.drives.map((drive) => `${drive.path},${drive.sizeGb}`).join(',');
  // Without a proxy its CA is of no use.
  const certificatePath = node.proxy === null ? null : node.proxyCertificatePath;
  const settings = {
    cloud: parts.cloudUrl,
    capin: pin,
    customerid: parts.customerId,
    cachenodeid: node.cacheNodeId,
    customerkey: node.customerKey,
    registrationkey: parts.registrationKey,
    ...(parts.mqttPort === MQTT_PORT_DEFAULT ? {} : { mqttport: String(parts.mqttPort) }),
    ...(drives === '' ? {} : { drivepathandsizeingb: drives }),
    ...(node.proxy === null ? {} : { shoulduseproxy: 'true', proxyurl: `http://${node.proxy}` }),
    ...(certificatePath === null ? {} : { proxytlscertificatepath: certificatePath }),
    image: parts.daemonImage,
  };
  const words = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  const through = node.proxy === null ? '' : `-x http://${node.proxy} `;
  const download = `curl -fsSk ${through}--pinnedpubkey ${pin} -o ${INSTALLER_FILE} ${parts.cloudUrl}/install.sh`;
  return `${download} && $(command -v sudo) bash ${INSTALLER_FILE} ${words.join(' ')}`;
}
