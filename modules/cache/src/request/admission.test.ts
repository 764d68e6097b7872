import { expect, test } from '@jest/globals';
import { OriginTable } from '../origin/origins.ts';
import { Admissions } from './admission.ts';

const table = () => new OriginTable({ custom: [{ id: 'a', hosts: ['a.example'] }], parent: null, fallback: null });

test('the same host and target are decided once, another host or target anew', () => {
  const admissions = new Admissions(table());
  const first = admissions.admit('/x?a=1', 'a.example');
  expect(first).toMatchObject({ key: 'a.example/x?a=1', target: '/x?a=1', origin: { id: 'a' } });
  expect(admissions.admit('/x?a=1', 'a.example')).toBe(first);
  expect(admissions.admit('/x?a=2', 'a.example')).toMatchObject({ key: 'a.example/x?a=2' });
});

test('refusals say why and are not remembered as admissions', () => {
  const admissions = new Admissions(table());
  expect(admissions.admit('/x', 'b.example')).toEqual({ refused: 'host', host: 'b.example' });
  expect(admissions.admit('x', 'a.example')).toEqual({ refused: 'target' });
  expect(admissions.admit('/x', undefined)).toEqual({ refused: 'host', host: '' });
});

test('new origins count at once', () => {
  const origins = table();
  const admissions = new Admissions(origins);
  expect(admissions.admit('/x', 'b.example')).toHaveProperty('refused');
  const before = admissions.admit('/x', 'a.example');
  origins.setDesired([{ id: 'b', hosts: ['b.example', 'a.example'] }]);
  expect(admissions.admit('/x', 'b.example')).toMatchObject({ origin: { id: 'b' } });
  expect(admissions.admit('/x', 'a.example')).not.toBe(before);
});

test('stays right when more is asked for than it remembers', () => {
  const admissions = new Admissions(table());
  const isRight = (i: number) => (admissions.admit(`/${i}`, 'a.example') as { target?: string }).target === `/${i}`;
  expect(Array.from({ length: 20_000 }, (_, i) => i).every(isRight)).toBe(true);
  expect(admissions.admit('/1', 'a.example')).toMatchObject({ target: '/1' });
});
