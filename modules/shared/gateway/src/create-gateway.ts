// Builds a gateway.

import type { Gateway, GatewayOptions } from './gateway.ts';

export declare function createGateway(options: GatewayOptions): Gateway;
