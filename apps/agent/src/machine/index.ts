export { type Clock, MachineClock } from './clock.js';
export { DiskWatch } from './disk.js';
export { LoadMeter, machineSize, type MachineLoad } from './load.js';
export { bootId } from './boot.js';
export { type ProcessEntry, environmentOf, processEntry, processTable } from './processes.js';
export { errorText, isErrno } from './errors.js';
