export { type HeartbeatSource, heartbeatAnswer } from './heartbeat.js';
