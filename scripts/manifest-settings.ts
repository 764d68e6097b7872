// Writes a copy of a published manifest with this machine's settings: manifest-settings.ts FILE HTTP_PORT DRIVE SIZE_GB SUMMARY_PORT
import { readFileSync } from 'node:fs';

const [file, httpPort, drive, sizeGb, summaryPort] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(file ?? '', 'utf8'));
const cache = manifest.modulesContent.$edgeAgent['properties.desired'].modules.MCC;
const createOptions = JSON.parse(cache.settings.createOptions);
createOptions.HostConfig.Binds = [`${drive}/:/nginx/cache1/`];
createOptions.HostConfig.PortBindings['8081/tcp'][0].HostPort = httpPort;
createOptions.HostConfig.PortBindings['5001/tcp'][0].HostPort = summaryPort;
cache.settings.createOptions = JSON.stringify(createOptions);
cache.env.STORAGE_1_SIZE_GB.value = sizeGb;
console.log(JSON.stringify(manifest, null, 2));
