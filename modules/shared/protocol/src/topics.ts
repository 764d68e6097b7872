// The dozen MQTT topics of IoT Hub's device protocol (cloud.md 1.4, iotedge.md 3.3) and their property bags.

/** What a client published, parsed. `identity` parts come from the topic and must be compared with the authenticated one. */
export type InboundTopic =
  | { kind: 'telemetry'; deviceId: string; moduleId?: string; bag: string }
  | { kind: 'twinGet'; rid: string }
  | { kind: 'twinReported'; rid: string; version?: number }
  | { kind: 'methodResult'; status: number; rid: string };

export type Subscription = 'twinRes' | 'desired' | 'methods' | 'c2d' | 'inputs';

/** System properties by their IoT Hub names (messageId, correlationId, contentType, ...), application properties apart. */
export interface MessageProperties {
  system: { [name: string]: string };
  app: { [name: string]: string };
}

/** CONNECT user name, parsed. */
export interface UserName {
  host: string;
  deviceId: string;
  moduleId?: string;
  query: URLSearchParams;
}

/** Request ids of the SDKs are UUIDs or small numbers. */
export const REQUEST_ID_CHARS_MAX = 128;
/** Device and module ids (iotedge.md 1.8). */
export const IDENTITY_CHARS_MAX = 128;
/** Properties of one message; the real service counts bytes only, this bounds the work. */
export const MESSAGE_PROPERTIES_MAX = 1024;

const TWIN_GET = '$iothub/twin/GET/';
const TWIN_REPORTED = '$iothub/twin/PATCH/properties/reported/';
const METHOD_RESULT = '$iothub/methods/res/';
const EVENTS = /^devices\/([^/]+)\/(?:modules\/([^/]+)\/)?messages\/events(?:\/(.*))?$/s;

/** Wire names of system properties (iotedge.md 3.3). The order is the order they are written in. */
const SYSTEM_BY_WIRE: readonly (readonly [string, string])[] = [
  ['$.on', 'outputName'],
  ['$.mid', 'messageId'],
  ['$.cid', 'correlationId'],
  ['$.uid', 'userId'],
  ['$.to', 'to'],
  ['$.exp', 'expiryTimeUtc'],
  ['$.ct', 'contentType'],
  ['$.ce', 'contentEncoding'],
  ['$.schema', 'messageSchema'],
  ['$.ctime', 'creationTimeUtc'],
  ['$.cdid', 'connectionDeviceId'],
  ['$.cmid', 'connectionModuleId'],
  ['$.ifid', 'interfaceId'],
  ['$.sub', 'dt-subject'],
  ['iothub-ack', 'ack'],
  ['iothub-operation', 'operation'],
];
const NAME_OF_WIRE = new Map<string, string>([...SYSTEM_BY_WIRE, ['ack', 'ack']]);

/** undefined = no known topic; throws RangeError when the topic is known but malformed (e.g. empty $rid). */
export function parseInboundTopic(topic: string): InboundTopic | undefined {
  const events = EVENTS.exec(topic);
  if (events !== null) {
    const [, deviceId = '', moduleId, bag = ''] = events;
    return moduleId === undefined
      ? { kind: 'telemetry', deviceId, bag }
      : { kind: 'telemetry', deviceId, moduleId, bag };
  }
  if (topic.startsWith(TWIN_GET)) {
    const query = queryOf(topic, TWIN_GET);
    return { kind: 'twinGet', rid: requestId(query, topic) };
  }
  if (topic.startsWith(TWIN_REPORTED)) {
    const query = queryOf(topic, TWIN_REPORTED);
    const version = query.get('$version');
    const rid = requestId(query, topic);
    return version === undefined
      ? { kind: 'twinReported', rid }
      : { kind: 'twinReported', rid, version: wholeNumber(version, '$version', topic) };
  }
  if (topic.startsWith(METHOD_RESULT)) return methodResult(topic);
  return undefined;
}

function methodResult(topic: string): InboundTopic {
  const rest = topic.slice(METHOD_RESULT.length);
  const slash = rest.indexOf('/');
  if (slash < 0) throw malformed(topic, 'wanted $iothub/methods/res/{status}/?$rid={id}');
  const status = wholeNumber(rest.slice(0, slash), 'status', topic);
  return {
    kind: 'methodResult',
    status,
    rid: requestId(queryOf(topic, METHOD_RESULT + rest.slice(0, slash + 1)), topic),
  };
}

/** `?a=b&c=d` after the prefix, without decoding plus signs: request ids are opaque. */
function queryOf(topic: string, prefix: string): Map<string, string> {
  const rest = topic.slice(prefix.length);
  if (!rest.startsWith('?')) throw malformed(topic, 'wanted a query that begins with "?"');
  const fields = new Map<string, string>();
  for (const part of rest.slice(1).split('&')) {
    const equals = part.indexOf('=');
    const name = decodePart(equals < 0 ? part : part.slice(0, equals), topic);
    if (fields.has(name)) throw malformed(topic, `${name} stands twice`);
    fields.set(name, equals < 0 ? '' : decodePart(part.slice(equals + 1), topic));
  }
  return fields;
}

function requestId(query: Map<string, string>, topic: string): string {
  const rid = query.get('$rid');
  if (!rid) throw malformed(topic, '$rid is empty');
  if (rid.length > REQUEST_ID_CHARS_MAX)
    throw malformed(topic, `$rid has ${rid.length} characters, at most ${REQUEST_ID_CHARS_MAX} may be`);
  return rid;
}

function wholeNumber(text: string, name: string, topic: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw malformed(topic, `${name} is "${text}", wanted a whole number`);
  return Number(text);
}

function decodePart(text: string, topic: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed(topic, 'bad percent encoding');
  }
}

function malformed(topic: string, why: string): RangeError {
  const shown = topic.length > 200 ? `${topic.slice(0, 200)}...` : topic;
  return new RangeError(`Topic "${shown}" is malformed: ${why}`);
}

/** The subscription family of a filter for this identity; undefined = not one of ours (SUBACK 0x80 in the cloud). */
export function parseSubscription(
  filter: string,
  identity: { deviceId: string; moduleId?: string },
): Subscription | undefined {
  switch (filter) {
    case '$iothub/twin/res/#':
      return 'twinRes';
    case '$iothub/twin/PATCH/properties/desired/#':
      return 'desired';
    case '$iothub/methods/POST/#':
      return 'methods';
  }
  const { deviceId, moduleId } = identity;
  if (moduleId === undefined) return filter === `devices/${deviceId}/messages/devicebound/#` ? 'c2d' : undefined;
  const own = `devices/${deviceId}/modules/${moduleId}/`;
  return filter === `${own}inputs/#` || filter === `${own}#` ? 'inputs' : undefined;
}

export const topicOf = {
  /** Answer to a twin request. */
  twinRes(status: number, rid: string, version?: number): string {
    const suffix = version === undefined ? '' : `&$version=${version}`;
    return `$iothub/twin/res/${status}/?$rid=${encodeURIComponent(rid)}${suffix}`;
  },
  /** Desired patch; the body carries `$version` as well. */
  desired(version: number): string {
    return `$iothub/twin/PATCH/properties/desired/?$version=${version}`;
  },
  method(name: string, rid: string): string {
    return `$iothub/methods/POST/${encodeURIComponent(name)}/?$rid=${encodeURIComponent(rid)}`;
  },
  c2d(deviceId: string, bag: string): string {
    return `devices/${deviceId}/messages/devicebound/${bag}`;
  },
  input(deviceId: string, moduleId: string, input: string, bag: string): string {
    return `devices/${deviceId}/modules/${moduleId}/inputs/${input}/${bag}`;
  },
  telemetry(deviceId: string, moduleId: string | undefined, bag: string): string {
    const module = moduleId === undefined ? '' : `modules/${moduleId}/`;
    return `devices/${deviceId}/${module}messages/events/${bag}`;
  },
};

/** `k=v&k=v`, percent-encoded on both sides; decode first, then test `$.`. A key without `=` gets ''. A trailing '/' is cut; unknown `$.` keys are dropped, they are no client's to set. Throws RangeError on bad encoding. */
export function parsePropertyBag(bag: string): MessageProperties {
  // Keys are a client's: without a prototype `__proto__` is a key like any other.
  const system: { [name: string]: string } = Object.create(null);
  const app: { [name: string]: string } = Object.create(null);
  const text = bag.endsWith('/') ? bag.slice(0, -1) : bag;
  const parts = text.replace(/^\?/, '').split('&');
  if (parts.length > MESSAGE_PROPERTIES_MAX) {
    throw new RangeError(`Property bag has ${parts.length} properties, at most ${MESSAGE_PROPERTIES_MAX} may be`);
  }
  for (const part of parts) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const key = decodePart(equals < 0 ? part : part.slice(0, equals), bag);
    const value = equals < 0 ? '' : decodePart(part.slice(equals + 1), bag);
    const name = NAME_OF_WIRE.get(key);
    if (name !== undefined) system[name] = value;
    else if (key.startsWith('$.')) continue;
    else app[key] = value;
  }
  return { system, app };
}

/** Inverse; system keys first, as `%24.ct=..`; unknown system names are dropped. */
export function formatPropertyBag(p: MessageProperties): string {
  const pairs: [string, string][] = [];
  for (const [wire, name] of SYSTEM_BY_WIRE) {
    const value = Object.hasOwn(p.system, name) ? p.system[name] : undefined;
    if (value !== undefined) pairs.push([wire, value]);
  }
  // An application property must not pass for a system one.
  for (const [key, value] of Object.entries(p.app)) if (!isReserved(key)) pairs.push([key, value]);
  return pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join('&');
}

function isReserved(key: string): boolean {
  return key.startsWith('$.') || NAME_OF_WIRE.has(key);
}

/** CONNECT user name `{host}/{device}[/{module}]/?{query}` (also without the `?`); undefined when malformed. */
export function parseUserName(userName: string): UserName | undefined {
  const cut = userName.indexOf('/?');
  const left = cut < 0 ? userName.split('/') : userName.slice(0, cut).split('/');
  let query = cut < 0 ? '' : userName.slice(cut + 2);
  if (cut < 0) {
    const last = left.at(-1) ?? '';
    // `host/device/module/api-version=..`: the last segment is the query when it holds pairs.
    if (last === '' || last.includes('=')) query = left.pop() ?? '';
  }
  const [host, deviceId, moduleId] = left;
  if (left.length < 2 || left.length > 3 || !host || !isIdentity(deviceId)) return undefined;
  if (left.length === 2) return { host, deviceId, query: new URLSearchParams(query) };
  return isIdentity(moduleId) ? { host, deviceId, moduleId, query: new URLSearchParams(query) } : undefined;
}

/** MQTT cannot carry ids with `+`, `#` or `/` in a topic (cloud.md 1.6). */
function isIdentity(id: string | undefined): id is string {
  return id !== undefined && id.length <= IDENTITY_CHARS_MAX && /^[A-Za-z0-9\-:.%_*?!(),=@;$']+$/.test(id);
}
