export { TasksRpc } from './tasks-rpc.js';
export { StatesRpc } from './states-rpc.js';
export { ReadsRpc } from './reads-rpc.js';
export { RpcCallers } from './rpc-caller.js';
export { RpcLogger, RpcProblems, statusOf, problemKey } from './rpc-problems.js';
export { serveGrpc, packageDefinition } from './grpc-server.js';
