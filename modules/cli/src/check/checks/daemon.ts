// Checks of the node daemon and of the modules it keeps.

import { type Check, failure, OK, SKIPPED, warning } from '../check.ts';

/** Exit code of a daemon whose configuration is wrong (iotedge.md 4.8). */
const EXIT_CONFIG_INVALID = 153;

export const connectManagementUri: Check = {
  id: 'connect-management-uri',
  description: 'configuration has correct URIs for daemon mgmt endpoint',
  async run(context, note) {
    try {
      note({ aziot_edged_version: (await context.systemInfo()).version });
    } catch (error) {
      const daemon = await context.daemonContainer();
      const state = daemon?.State;
      if (state !== undefined && !state.Running)
        return failure(
          state.ExitCode === EXIT_CONFIG_INVALID
            ? `The daemon has ended because its configuration is invalid; the problems stand in: docker logs ${daemon!.Name.slice(1)}`
            : `The daemon is not running (exit code ${state.ExitCode}); see: docker logs ${daemon!.Name.slice(1)}`,
          error,
        );
      return failure(`The daemon does not answer at ${context.management.url}.`, error);
    }
    const probe = await context.probeFrom('module');
    if (probe === undefined || probe.management === '') return OK;
    return failure(`A container that mounts the management socket cannot use it: ${probe.management}`);
  },
};

export const edgeVersion: Check = {
  id: 'aziot-edge-version',
  description: 'aziot-edge package is up-to-date',
  async run(context, note) {
    const expected = context.settings.expectedVersion ?? context.settings.version;
    let actual: string;
    try {
      actual = (await context.systemInfo()).version;
    } catch {
      return SKIPPED;
    }
    note({ expected_version: expected, actual_version: actual });
    return actual === expected
      ? OK
      : warning(`The daemon has version ${actual}, wanted ${expected}. Run the installer with "upgrade".`);
  },
};

export const modulesRunning: Check = {
  id: 'modules-running',
  description: 'edgeAgent and all modules are running and healthy',
  async run(context, note) {
    const modules = await context.modules();
    if (modules === undefined) return SKIPPED;
    note({ modules: modules.length });
    const missing = ['edgeAgent', 'edgeHub'].filter((name) => !modules.some((m) => m.name === name));
    const bad = modules.filter(
      ({ status: { runtimeStatus: s } }) => s.status !== 'running' || s.health === 'unhealthy',
    );
    if (missing.length > 0)
      return failure(
        `${missing.join(' and ')} not there; the daemon's log says why: docker logs ${(await context.hostPlaces()).daemonContainer}`,
      );
    if (bad.length === 0) return OK;
    const words = bad.map(
      ({ name, status }) =>
        `${name} is ${status.runtimeStatus.status}${status.runtimeStatus.health === 'unhealthy' ? ' and unhealthy' : ''}`,
    );
    const text = `${words.join(', ')}; see: logs MODULE`;
    return bad.some((m) => m.name === 'edgeAgent') ? failure(text) : warning(text);
  },
};
