export { GetScheduleHandler, ListSchedulesHandler } from './queries.js';
export { ScheduleBody, scheduleSpecOf } from './schedule-body.js';
export { SchedulesController } from './schedules-controller.js';
