// Labels by which the daemon knows what is its own (docs/contracts.md 1) and which the original's tools read (iotedge.md 2.9).

export const LABEL_INSTANCE = 'io.wayside.instance';
export const LABEL_COMPONENT = 'io.wayside.component';
/** Module name, without the instance's prefix. */
export const LABEL_MODULE = 'io.wayside.module';
/** Digest of the options edgeAgent's container was made with. */
export const LABEL_OPTIONS_DIGEST = 'io.wayside.options-digest';
export const LABEL_OWNER = 'net.azure-devices.edge.owner';
export const LABEL_ORIGINAL_IMAGE = 'net.azure-devices.edge.original-image';
export const LABEL_CREATE_OPTIONS = 'net.azure-devices.edge.create-options';
export const LABEL_ENV = 'net.azure-devices.edge.env';

export const OWNER = 'Microsoft.Azure.Devices.Edge.Agent';

/** Value of the instance label. */
export function instanceLabel(instance: string): string {
  return instance === '' ? 'default' : instance;
}
