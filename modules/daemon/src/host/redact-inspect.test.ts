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

test('redactInspect() masks variables inside the createOptions that a label holds', () => {
  const createOptions = { Env: ['DB_PASSWORD=hunter2', 'PLAIN=kept'], HostConfig: { Binds: ['/a:/b'] } };
  const Labels = { 'net.azure-devices.edge.create-options': JSON.stringify(createOptions) };
  const text = JSON.stringify(redactInspect({ Config: { Labels } }));
  expect(text).not.toContain('hunter2');
  expect(text).toContain('PLAIN=kept');
  expect(text).toContain('/a:/b');
});
