import { describe, expect, test } from '@jest/globals';
import { locate, readManifest } from './manifest-lines.ts';

const TEXT = `{
  "modulesContent": {
    "$edgeAgent": {
      "properties.desired": {
        "modules": {
          "MCC": {
            "settings": { "image": "" },
            "list": [
              1,
              2
            ]
          }
        }
      }
    }
  }
}`;

const lineOf = (path: string) => locate(TEXT, [{ path, message: 'x' }])[0]?.line;

describe('locate()', () => {
  test.each([
    ['modulesContent.$edgeAgent.properties.desired.modules.MCC.settings.image', 7],
    ['modulesContent.$edgeAgent.properties.desired.modules.MCC', 6],
    ['modulesContent.$edgeAgent.properties.desired.modules.MCC.list[1]', 10],
    ['$.modulesContent.$edgeAgent', 3],
  ])('%s stands in line %p', (path, line) => {
    expect(lineOf(path)).toBe(line);
  });

  test('what is missing stands at the nearest part that is there', () => {
    expect(lineOf('modulesContent.$edgeAgent.properties.desired.modules.MCC.type')).toBe(6);
    expect(lineOf('modulesContent.$edgeHub')).toBe(2);
    expect(lineOf('')).toBe(1);
  });
});

describe('readManifest()', () => {
  test('gives the value of JSON', () => {
    expect(readManifest('{"a": [1]}')).toEqual({ value: { a: [1] } });
  });

  test.each([
    ['{\n "a": 1\n "b": 2\n}', 3, 'comma expected'],
    ['{\n "a": 1,\n}', 3, 'property name expected'],
    ['{ // no\n}', 1, 'invalid comment token'],
    ['', 1, 'value expected'],
  ])('%j is no JSON in line %p', (text, line, why) => {
    const read = readManifest(text);
    expect(read).toMatchObject({ problems: expect.arrayContaining([expect.objectContaining({ line, path: '' })]) });
    expect(JSON.stringify(read)).toContain(why);
  });
});
