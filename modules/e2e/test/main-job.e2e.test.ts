// The main job from one end to the other, over the built images and through the scripts an operator runs. The acts share one stack and come in
// this order; each leaves it as the next one expects.

import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { content } from '../src/acts/content.ts';
import { deployments } from '../src/acts/deployments.ts';
import { operations } from '../src/acts/operations.ts';
import { outage } from '../src/acts/outage.ts';
import { portal } from '../src/acts/portal.ts';
import { quickstart } from '../src/acts/quickstart.ts';
import { operationsGuide, readme } from '../src/acts/readme.ts';
import { recovery } from '../src/acts/recovery.ts';
import { resume } from '../src/acts/resume.ts';
import { KEEP } from '../src/settings.ts';
import { removeStack } from '../src/stack.ts';

const REMOVE_TIMEOUT_MS = 120_000;
/** Of a test that names none: a few commands, on a machine that may be busy. */
const TEST_TIMEOUT_MS = 60_000;

jest.setTimeout(TEST_TIMEOUT_MS);

beforeAll(removeStack, REMOVE_TIMEOUT_MS);
afterAll(async () => {
  if (!KEEP) await removeStack();
}, REMOVE_TIMEOUT_MS);

describe('quickstart', quickstart);
describe('content', content);
describe('deployments', deployments);
describe('recovery', recovery);
describe('outage', outage);
describe('operations', operations);
describe('portal', portal);
describe('resume', resume);
describe('README.md', readme);
describe('docs/operations.md', operationsGuide);
