export { OpsController } from './ops-controller.js';
