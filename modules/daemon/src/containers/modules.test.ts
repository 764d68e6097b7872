import { describe, expect, jest, test } from '@jest/globals';
import type { Logger } from '@wayside/kit';
import { LABEL_COMPONENT, LABEL_INSTANCE, LABEL_MODULE } from './labels.ts';
import { Modules, type ModulesOptions } from './modules.ts';

/** An engine with one container, edgeHub of this node, that also answers to the first characters of its id, as Docker does. */
function nodeWithHub() {
  const hub = {
    id: 'f3a1c09b',
    containerName: 'edgeHub',
    labels: { [LABEL_INSTANCE]: 'default', [LABEL_COMPONENT]: 'module', [LABEL_MODULE]: 'edgeHub' },
  };
  const remove = jest.fn(async (_id: string) => true);
  const engine = {
    inspect: async (text: string) => (text === hub.containerName || hub.id.startsWith(text) ? hub : undefined),
    remove,
  };
  const modules = new Modules({
    engine,
    facts: { instance: '' },
    sockets: { close: async () => undefined },
    images: { forgetModule: async () => undefined },
    log: {} as Logger,
  } as unknown as ModulesOptions);
  return { modules, remove };
}

describe('Modules', () => {
  test('a module named like the beginning of an id is not that container', async () => {
    const { modules, remove } = nodeWithHub();
    expect(await modules.find('f3')).toBeUndefined();
    await expect(modules.remove('f3')).rejects.toMatchObject({ code: 'DAEMON_NOT_FOUND' });
    expect(remove).not.toHaveBeenCalled();
  });

  test('a module is found by its own name and removed by its id', async () => {
    const { modules, remove } = nodeWithHub();
    await modules.remove('edgeHub');
    expect(remove).toHaveBeenCalledWith('f3a1c09b');
  });
});
