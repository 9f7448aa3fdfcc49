export { TasksController } from './tasks-controller.js';
export { RecentKeys } from './recent-keys.js';
export {
  GetTask,
  ListTasks,
  GetOutput,
  GetTaskHandler,
  ListTasksHandler,
  GetAttemptsHandler,
  GetOutputHandler,
  type TaskView,
} from './queries.js';
export { TaskListQuery, taskFilterOf, OutputQuery, outputRequestOf } from './task-query.js';
export { TaskBody, CancelBody } from './task-body.js';
export { bodyHashOf, specView, taskSpecOf } from './task-spec.js';
export { taskTemplate } from './task-template.js';
