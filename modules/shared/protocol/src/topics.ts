// The dozen MQTT topics of IoT Hub's device protocol (cloud.md 1.4, iotedge.md 3.3) and their property bags.

/** What a client published, parsed. `identity` parts come from the topic and must be compared with the authenticated one. */
export type InboundTopic =
  | { kind: 'telemetry'; deviceId: string; moduleId?: string; bag: string }
  | { kind: 'twinGet'; rid: string }
  | { kind: 'twinReported'; rid: string; version?: number }
  | { kind: 'methodResult'; status: number; rid: string };

export type Subscription = 'twinRes' | 'desired' | 'methods' | 'c2d' | 'inputs';

/** undefined = no known topic; throws RangeError when the topic is known but malformed (e.g. empty $rid). */
export declare function parseInboundTopic(topic: string): InboundTopic | undefined;
/** The subscription family of a filter for this identity; undefined = not one of ours (SUBACK 0x80 in the cloud). */
export declare function parseSubscription(filter: string, identity: { deviceId: string; moduleId?: string }): Subscription | undefined;

export declare const topicOf: {
  twinRes(status: number, rid: string, version?: number): string;
  desired(version: number): string;
  method(name: string, rid: string): string;
  c2d(deviceId: string, bag: string): string;
  input(deviceId: string, moduleId: string, input: string, bag: string): string;
  telemetry(deviceId: string, moduleId: string | undefined, bag: string): string;
};

/** System properties by their IoT Hub names (messageId, correlationId, contentType, ...), application properties apart. */
export interface MessageProperties {
  system: { [name: string]: string };
  app: { [name: string]: string };
}

/** `k=v&k=v`, percent-encoded on both sides; decode first, then test `$.`. A key without `=` gets ''. A trailing '/' is cut. Throws RangeError on bad encoding. */
export declare function parsePropertyBag(bag: string): MessageProperties;
/** Inverse; system keys first, as `%24.ct=..`; unknown system names are dropped. */
export declare function formatPropertyBag(p: MessageProperties): string;

/** CONNECT user name `{host}/{device}[/{module}]/?{query}` (also without the `?`); undefined when malformed. */
export declare function parseUserName(userName: string):
  | { host: string; deviceId: string; moduleId?: string; query: URLSearchParams }
  | undefined;
