export { TasksController } from './tasks-controller.js';
export { RecentKeys } from './recent-keys.js';
export { GetTaskHandler, ListTasksHandler, GetAttemptsHandler, GetOutputHandler } from './queries.js';
export { TaskBody, CancelBody } from './task-body.js';
export { taskSpecOf } from './task-spec.js';
