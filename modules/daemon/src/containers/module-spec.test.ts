import { describe, expect, test } from '@jest/globals';
import { parseModuleSpec, registryAuth } from './module-spec.ts';

const GOOD = {
  name: '$edgeHub',
  type: 'docker',
  imagePullPolicy: 'on-create',
  config: { settings: { image: 'a/hub', createOptions: { User: '1' } }, env: [{ key: 'A', value: 'b' }] },
};

describe('parseModuleSpec()', () => {
  test('normalises name, policy and image', () => {
    expect(parseModuleSpec(GOOD)).toEqual({
      name: 'edgeHub',
      type: 'docker',
      imagePullPolicy: 'On-Create',
      config: {
        settings: { image: 'a/hub:latest', createOptions: { User: '1' } },
        env: [{ key: 'A', value: 'b' }],
      },
    });
  });

  test('takes createOptions as JSON text and a missing environment', () => {
    const config = { settings: { image: 'a:1', createOptions: '{"User":"1"}' } };
    expect(parseModuleSpec({ name: 'm', config }).config).toEqual({
      settings: { image: 'a:1', createOptions: { User: '1' } },
      env: [],
    });
  });

  test('names every problem at once', () => {
    const bad = {
      name: '../x',
      type: 'podman',
      imagePullPolicy: 'always',
      config: { settings: { image: ' ', createOptions: '{', auth: '%%%' }, env: [{ key: 'a=b', value: '' }] },
    };
    const problems = ['name', 'type', 'image', 'imagePullPolicy', 'createOptions', 'auth', 'env[0].key'];
    expect(() => parseModuleSpec(bad)).toThrow(
      new RegExp(problems.map((p) => `(?=.*${p.replace(/[[\]]/g, '\\$&')})`).join('')),
    );
    expect(() => parseModuleSpec(bad)).toThrow(expect.objectContaining({ code: 'DAEMON_REQUEST_INVALID' }));
  });

  test.each([[undefined], [null], [[]], ['text'], [{}], [{ name: '..', config: null }], [{ name: 'a'.repeat(129) }]])(
    'refuses %j',
    (body) => expect(() => parseModuleSpec(body)).toThrow(/Cannot read the module specification/),
  );
});

test('registryAuth() decodes what parseModuleSpec() let through', () => {
  const auth = Buffer.from(JSON.stringify({ username: 'u', password: 'p', serveraddress: 's' })).toString('base64');
  expect(registryAuth(auth)).toEqual({ username: 'u', password: 'p', serveraddress: 's' });
  expect(registryAuth(undefined)).toBeUndefined();
});
