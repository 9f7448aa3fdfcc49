export { FaultProxy, type ProxyTarget } from './fault-proxy.js';
