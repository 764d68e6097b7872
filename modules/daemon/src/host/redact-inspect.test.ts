import { expect, test } from '@jest/globals';
import { redactInspect } from './redact-inspect.ts';

test('redactInspect() masks values of suspicious variables, keys and tokens, and leaves the rest', () => {
  const document = redactInspect({
    Id: 'c0ffee',
    Config: {
      Env: ['DB_PASSWORD=hunter2', 'PATH=/bin', 'CS=HostName=h;DeviceId=d;SharedAccessKey=aHVudGVyMg=='],
      Labels: { 'net.azure-devices.edge.env': JSON.stringify({ API_KEY: { value: 'hunter2' }, A: { value: 'b' } }) },
    },
    Mounts: [{ Source: '/var/lib/x' }],
  });
  const text = JSON.stringify(document);
  expect(text).not.toMatch(/hunter2|aHVudGVyMg/);
  expect(document).toMatchObject({ Id: 'c0ffee', Mounts: [{ Source: '/var/lib/x' }] });
  expect(text).toContain('PATH=/bin');
  expect(text).toContain('\\"A\\":{\\"value\\":\\"b\\"}');
});
