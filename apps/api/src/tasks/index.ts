export { TasksController } from './tasks-controller.js';
export { RecentKeys } from './recent-keys.js';
export { GetTaskHandler, ListTasksHandler, GetAttemptsHandler, GetOutputHandler } from './queries.js';
export { TaskBody, CancelBody } from './task-body.js';
export { specView, taskSpecOf } from './task-spec.js';
export { taskTemplate } from './task-template.js';
