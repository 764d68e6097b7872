import { describe, expect, test } from '@jest/globals';
import { loadSettings, nodePlaces, sessionFile } from './config.ts';

describe('nodePlaces()', () => {
  test('without an instance', () => {
    const places = nodePlaces('');
    expect(places.managementUrl).toBe('unix:///run/wayside/mgmt/mgmt.sock');
    expect(places.container('MCC')).toBe('MCC');
    expect(places.hostPath('/etc/wayside/upstream-ca.pem')).toBe('/etc/wayside/upstream-ca.pem');
  });
  test('with an instance everything has its suffix', () => {
    const places = nodePlaces('x');
    expect(places).toMatchObject({
      configFile: '/etc/wayside-x/config.toml',
      managementUrl: 'unix:///run/wayside-x/mgmt/mgmt.sock',
      daemonContainer: 'wayside-daemon-x',
    });
    expect(places.container('MCC')).toBe('x-MCC');
    expect(places.hostPath('/etc/wayside/upstream-ca.pem')).toBe('/etc/wayside-x/upstream-ca.pem');
    expect(places.hostPath('/etc/wayside.d/ca.pem')).toBe('/etc/wayside.d/ca.pem');
  });
  test('a named host wins', () => {
    expect(nodePlaces('x', 'http://h:1').managementUrl).toBe('http://h:1');
  });
});

test('sessionFile() by what the environment names, most special first', () => {
  const file = (env: { [name: string]: string }): string => sessionFile(loadSettings(env));
  expect(file({ HOME: '/home/u' })).toBe('/home/u/.config/wayside/session.json');
  expect(file({ HOME: '/home/u', WAYSIDE_INSTANCE: 'x' })).toBe('/home/u/.config/wayside-x/session.json');
  expect(file({ HOME: '/home/u', XDG_CONFIG_HOME: '/c' })).toBe('/c/wayside/session.json');
  expect(file({ HOME: '/home/u', XDG_CONFIG_HOME: '/c', WAYSIDE_CONFIG_DIR: '/d' })).toBe('/d/session.json');
});
