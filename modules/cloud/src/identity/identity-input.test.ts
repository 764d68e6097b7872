import { describe, expect, test } from '@jest/globals';
import { checkIdentityId } from './identity-id.ts';
import { parseIdentityInput } from './identity-input.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const refusedWith = (message: string) =>
  expect.objectContaining({ code: 'CLOUD_ARGUMENT_INVALID', message: expect.stringContaining(message) });

describe('parseIdentityInput()', () => {
  test('reads what the SDKs send; empty keys are keys to be made', () => {
    const authentication = { type: 'sas', symmetricKey: { primaryKey: '', secondaryKey: '' } };
    expect(
      parseIdentityInput({ deviceId: 'd', status: 'Enabled', authentication, capabilities: { iotEdge: true } }),
    ).toEqual({
      ...{ status: 'enabled', authentication: { type: 'sas' }, iotEdge: true },
    });
    expect(parseIdentityInput({})).toEqual({});
    const x509 = {
      type: 'selfSigned',
      x509Thumbprint: { primaryThumbprint: 'ab'.repeat(20), secondaryThumbprint: null },
    };
    expect(parseIdentityInput({ authentication: x509 }).authentication).toMatchObject({
      primaryThumbprint: 'AB'.repeat(20),
    });
  });

  test.each([
    [{ status: 'sleeping' }, 'status: it is "sleeping", wanted enabled or disabled'],
    [{ capabilities: { iotEdge: 'yes' } }, 'capabilities.iotEdge'],
    [{ authentication: { type: 'password' } }, 'authentication.type'],
    [{ authentication: { symmetricKey: { primaryKey: 'not base64!' } } }, 'primaryKey'],
    [{ authentication: { symmetricKey: { primaryKey: KEY, secondaryKey: 'AAAA' } } }, 'secondaryKey: it is 3 bytes'],
    [{ authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'zz' } } }, 'primaryThumbprint'],
    [{ statusReason: 'x'.repeat(129) }, 'statusReason: it is 129 characters'],
    [{ parentScopes: ['a', 'b'] }, 'parentScopes: it is 2 scopes'],
    [{ deviceScope: 5 }, 'deviceScope: it is number'],
  ])('%j is refused', (body, message) => {
    expect(() => parseIdentityInput(body)).toThrow(refusedWith(message));
  });

  test('a key that is refused is not in the message', () => {
    expect(() => parseIdentityInput({ authentication: { symmetricKey: { primaryKey: 'c2VjcmV0' } } })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('c2VjcmV0') }),
    );
  });
});

describe('checkIdentityId()', () => {
  test.each(['cache-1', "a.b_c:d%e*f?g!(h),i=j@k;l$m'n", 'x'.repeat(128)])('takes %s', (id) => {
    expect(() => checkIdentityId('device', id)).not.toThrow();
  });

  test.each(['', 'x'.repeat(129), 'a/b', 'a+b', 'a#b', 'a b', 'ä', '.', '..', 'a\n', undefined, 5])(
    'refuses %j',
    (id) => {
      expect(() => checkIdentityId('device', id)).toThrow(refusedWith('device id'));
    },
  );

  test('modules with $ are the two of the runtime', () => {
    expect(() => checkIdentityId('module', '$edgeAgent')).not.toThrow();
    expect(() => checkIdentityId('module', '$edgeOther')).toThrow(refusedWith('$edgeAgent and $edgeHub only'));
  });
});
