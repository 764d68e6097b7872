// Registration of a node with its one-time key (docs/contracts.md 5).

export interface ProvisionRequest {
  customerId: string;
  cacheNodeId: string;
  customerKey: string;
  registrationKey: string;
  /** 32 random bytes, base64, kept by the daemon before it asks: makes the call repeatable. */
  nonce: string;
  hostname: string;
  version: string;
}

export interface ProvisionAnswer {
  iothubHostname: string;
  deviceId: string;
  primaryKey: string;
  mqttPort: number;
  httpsPort: number;
  /** PEM. */
  caCertificate: string;
  /** Image of the first edgeAgent. */
  agentImage: string;
}
