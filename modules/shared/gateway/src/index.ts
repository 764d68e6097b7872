// IoT Hub's device-facing protocol (MQTT 3.1.1 over TLS and WebSocket) as a library: what the cloud and edgeHub are built on.

export { createGateway } from './create-gateway.ts';
export { ERRORS, IotHubError } from './errors.ts';
export type { Gateway, GatewayOptions, ServerCertificate, TlsListener } from './gateway.ts';
export * from './host.ts';
export * from './identity.ts';
export { DEFAULT_LIMITS, type GatewayLimits } from './limits.ts';
export { tlsContext } from './listen-tls.ts';
export * from './session.ts';
export { WEB_SOCKET_PATH_PREFIX } from './web-socket.ts';
