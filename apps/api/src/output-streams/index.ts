export { OutputServer, type OutputServerOptions } from './output-server.js';
export { OutputSink } from './output-sink.js';
